-- The demo's job: five tables of a shop, copied and then followed from MySQL into StarRocks.
SET 'pipeline.name' = 'shop';
SET 'table.local-time-zone' = 'UTC';

CREATE TABLE customers (
    id INT, name STRING, city STRING, credit DECIMAL(12, 2), created_at TIMESTAMP(6), stamp BIGINT,
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
    'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
    'database-name' = 'shop', 'table-name' = 'customers'
);
CREATE TABLE orders (
    id BIGINT, customer_id INT, status STRING, amount DECIMAL(10, 2), ordered_at TIMESTAMP(6),
    stamp BIGINT, PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
    'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
    'database-name' = 'shop', 'table-name' = 'orders'
);
CREATE TABLE order_items (
    order_id BIGINT, line INT, product_id INT, quantity INT, price DECIMAL(10, 2), stamp BIGINT,
    PRIMARY KEY (order_id, line) NOT ENFORCED
) WITH (
    'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
    'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
    'database-name' = 'shop', 'table-name' = 'order_items'
);
CREATE TABLE `商品` (
    `编号` INT, `名称` STRING, `价格` DECIMAL(10, 2), `上架时间` TIMESTAMP(0), stamp BIGINT,
    PRIMARY KEY (`编号`) NOT ENFORCED
) WITH (
    'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
    'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
    'database-name' = 'shop', 'table-name' = '商品'
);
CREATE TABLE wide (
    id INT, a1 INT, a2 BIGINT, a3 DOUBLE, a4 DECIMAL(20, 6), a5 STRING, a6 STRING, a7 DATE,
    a8 TIMESTAMP(6), a9 SMALLINT, b1 INT, b2 BIGINT, b3 DOUBLE, b4 DECIMAL(20, 6), b5 STRING,
    b6 STRING, b7 DATE, b8 TIMESTAMP(6), b9 SMALLINT, stamp BIGINT,
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
    'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
    'database-name' = 'shop', 'table-name' = 'wide'
);

CREATE TABLE sr_customers (
    id INT, name STRING, city STRING, credit DECIMAL(12, 2), created_at TIMESTAMP(6), stamp BIGINT,
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
    'password' = '${SR_PASSWORD}', 'database-name' = 'shop', 'table-name' = 'customers'
);
CREATE TABLE sr_orders (
    id BIGINT, customer_id INT, status STRING, amount DECIMAL(10, 2), ordered_at TIMESTAMP(6),
    stamp BIGINT, PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
    'password' = '${SR_PASSWORD}', 'database-name' = 'shop', 'table-name' = 'orders'
);
CREATE TABLE sr_order_items (
    order_id BIGINT, line INT, product_id INT, quantity INT, total DECIMAL(12, 2), stamp BIGINT,
    PRIMARY KEY (order_id, line) NOT ENFORCED
) WITH (
    'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
    'password' = '${SR_PASSWORD}', 'database-name' = 'shop', 'table-name' = 'order_items'
);
CREATE TABLE `sr_商品` (
    `编号` INT, `名称` STRING, `价格` DECIMAL(10, 2), `上架时间` TIMESTAMP(0), stamp BIGINT,
    PRIMARY KEY (`编号`) NOT ENFORCED
) WITH (
    'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
    'password' = '${SR_PASSWORD}', 'database-name' = 'shop', 'table-name' = '商品'
);
CREATE TABLE sr_wide (
    id INT, a1 INT, a2 BIGINT, a3 DOUBLE, a4 DECIMAL(20, 6), a5 STRING, a6 STRING, a7 DATE,
    a8 TIMESTAMP(6), a9 SMALLINT, b1 INT, b2 BIGINT, b3 DOUBLE, b4 DECIMAL(20, 6), b5 STRING,
    b6 STRING, b7 DATE, b8 TIMESTAMP(6), b9 SMALLINT, stamp BIGINT,
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
    'password' = '${SR_PASSWORD}', 'database-name' = 'shop', 'table-name' = 'wide'
);

EXECUTE STATEMENT SET
BEGIN
INSERT INTO sr_customers SELECT id, name, UPPER(city), credit, created_at, stamp FROM customers;
INSERT INTO sr_orders SELECT * FROM orders WHERE status <> 'draft';
INSERT INTO sr_order_items
    SELECT order_id, line, product_id, quantity, CAST(price * quantity AS DECIMAL(12, 2)), stamp
    FROM order_items;
INSERT INTO `sr_商品` SELECT * FROM `商品`;
INSERT INTO sr_wide SELECT * FROM wide;
END;
