-- Rows of a MySQL table, as they change, with what two other tables say of them at that moment:
-- one in MySQL (connector jdbc), one in StarRocks. Keys are looked up many at a time; what was
-- found is kept for some seconds.
CREATE TABLE orders (
    id BIGINT, customer_id INT, item STRING, quantity INT, proctime AS PROCTIME(),
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
    'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
    'database-name' = 'enrich', 'table-name' = 'orders'
);
CREATE TABLE customers (id INT, name STRING, country STRING) WITH (
    'connector' = 'jdbc', 'url' = 'jdbc:mysql://127.0.0.1:${MYSQL_PORT}/enrich',
    'table-name' = 'customers', 'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}',
    'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '10000',
    'lookup.partial-cache.expire-after-write' = '10 s'
);
CREATE TABLE items (item STRING, price DECIMAL(10, 2)) WITH (
    'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'scan-url' = '127.0.0.1:${SR_HTTP_PORT}', 'database-name' = 'enrich', 'table-name' = 'items',
    'username' = '${SR_USER}', 'password' = '${SR_PASSWORD}'
);
CREATE TABLE enriched (
    id BIGINT, customer STRING, country STRING, item STRING, total DECIMAL(20, 2),
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
    'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}', 'password' = '${SR_PASSWORD}',
    'database-name' = 'enrich', 'table-name' = 'enriched'
);

INSERT INTO enriched
SELECT o.id, c.name, c.country, o.item, CAST(o.quantity * i.price AS DECIMAL(20, 2))
FROM orders AS o
JOIN customers FOR SYSTEM_TIME AS OF o.proctime AS c ON o.customer_id = c.id
LEFT JOIN items FOR SYSTEM_TIME AS OF o.proctime AS i ON o.item = i.item;
