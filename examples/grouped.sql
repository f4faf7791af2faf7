-- A table copied and followed, and a result over it that is kept up to date: per status the
-- number of orders, what they are worth, and how many customers they are of.
--
-- The targets, to be made in StarRocks first:
--   CREATE DATABASE grouped;
--   CREATE TABLE grouped.orders (
--       id BIGINT, customer_id INT, status VARCHAR(80), amount DECIMAL(10, 2)
--   ) PRIMARY KEY (id) DISTRIBUTED BY HASH (id);
--   CREATE TABLE grouped.by_status (
--       status VARCHAR(80) NOT NULL, orders BIGINT, amount DECIMAL(38, 2),
--       smallest DECIMAL(10, 2), largest DECIMAL(10, 2), customers BIGINT
--   ) PRIMARY KEY (status) DISTRIBUTED BY HASH (status);
SET 'pipeline.name' = 'grouped';

CREATE TABLE orders (
    id BIGINT, customer_id INT, status STRING, amount DECIMAL(10, 2),
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
    'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
    'database-name' = 'shop', 'table-name' = 'orders'
);

CREATE TABLE sr_orders (
    id BIGINT, customer_id INT, status STRING, amount DECIMAL(10, 2),
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
    'password' = '${SR_PASSWORD}', 'database-name' = 'grouped', 'table-name' = 'orders',
    'sink.buffer-flush.interval-ms' = '1000'
);
CREATE TABLE sr_by_status (
    status STRING, orders BIGINT, amount DECIMAL(38, 2), smallest DECIMAL(10, 2),
    largest DECIMAL(10, 2), customers BIGINT,
    PRIMARY KEY (status) NOT ENFORCED
) WITH (
    'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
    'password' = '${SR_PASSWORD}', 'database-name' = 'grouped', 'table-name' = 'by_status',
    'sink.buffer-flush.interval-ms' = '1000'
);

EXECUTE STATEMENT SET BEGIN
INSERT INTO sr_orders SELECT * FROM orders;
INSERT INTO sr_by_status
SELECT status, COUNT(*), SUM(amount), MIN(amount), MAX(amount), COUNT(DISTINCT customer_id)
FROM orders GROUP BY status;
END;
