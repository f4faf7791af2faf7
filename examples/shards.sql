-- Many MySQL tables of one shape into one StarRocks table: the source names them by regular
-- expressions, metadata columns tell them apart.
CREATE TABLE orders_of_all_shards (
    shard STRING METADATA FROM 'database_name' VIRTUAL,
    id BIGINT, item STRING, price DECIMAL(10, 2), changed_at TIMESTAMP_LTZ(3) METADATA FROM 'op_ts' VIRTUAL,
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
    'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
    'database-name' = 'shard_[0-9]+', 'table-name' = 'orders'
);
CREATE TABLE orders (
    shard STRING, id BIGINT, item STRING, price DECIMAL(10, 2),
    PRIMARY KEY (shard, id) NOT ENFORCED
) WITH (
    'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}', 'password' = '${SR_PASSWORD}',
    'database-name' = 'warehouse', 'table-name' = 'orders'
);

INSERT INTO orders SELECT shard, id, item, price FROM orders_of_all_shards;
