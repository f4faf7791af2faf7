-- Two tables of one server joined into one of StarRocks: every order beside its customer's name
-- and level, also where that customer is not there (yet). Changes of either side arrive.
--
-- The target, to be made in StarRocks first:
--   CREATE DATABASE joined;
--   CREATE TABLE joined.orders (
--       id BIGINT, customer VARCHAR(80), level VARCHAR(80), amount DECIMAL(10, 2)
--   ) PRIMARY KEY (id) DISTRIBUTED BY HASH (id);
SET 'pipeline.name' = 'joined';

CREATE TABLE orders (
    id BIGINT, customer_id INT, amount DECIMAL(10, 2),
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
    'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
    'database-name' = 'joined', 'table-name' = 'orders'
);
CREATE TABLE customers (
    id INT, name STRING, level STRING,
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
    'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
    'database-name' = 'joined', 'table-name' = 'customers'
);

CREATE TABLE sr_orders (
    id BIGINT, customer STRING, level STRING, amount DECIMAL(10, 2),
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
    'password' = '${SR_PASSWORD}', 'database-name' = 'joined', 'table-name' = 'orders',
    'sink.buffer-flush.interval-ms' = '1000'
);

INSERT INTO sr_orders
SELECT o.id, c.name, c.level, o.amount
FROM orders AS o LEFT JOIN customers AS c ON o.customer_id = c.id;
