-- MySQL as a catalog, StarRocks as a catalog: no table is declared, the targets are created.
SET 'pipeline.name' = 'catalogs';

CREATE CATALOG shop_mysql WITH (
    'type' = 'mysql', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
    'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC'
);
CREATE CATALOG warehouse WITH (
    'type' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'http-url' = '127.0.0.1:${SR_HTTP_PORT}',
    'username' = '${SR_USER}', 'password' = '${SR_PASSWORD}',
    'table.properties.replication_num' = '1'
);
CREATE DATABASE IF NOT EXISTS warehouse.shop_copy;

-- Created with the columns and the key of the source.
CREATE TABLE IF NOT EXISTS warehouse.shop_copy.customers
AS SELECT * FROM shop_mysql.shop.customers;

-- Created with the columns of the query; the key survives the projection.
CREATE TABLE IF NOT EXISTS warehouse.shop_copy.paid_orders
WITH ('sink.buffer-flush.interval-ms' = '2000', 'table.num-buckets' = '2')
AS SELECT id, customer_id, amount, CAST(ordered_at AS DATE) AS ordered_on
FROM shop_mysql.shop.orders WHERE status = 'paid';

-- Created by hand, filled by name.
CREATE TABLE IF NOT EXISTS warehouse.shop_copy.goods (
    `编号` INT, title STRING, price DECIMAL(10, 2), PRIMARY KEY (`编号`) NOT ENFORCED
);
INSERT INTO warehouse.shop_copy.goods (`编号`, title, price)
SELECT `编号`, `名称`, `价格` FROM shop_mysql.shop.`商品`;
