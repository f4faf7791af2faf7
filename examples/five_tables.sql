-- In the form StarRocks' migration tool generates: one source, one sink and one INSERT per table.
CREATE DATABASE IF NOT EXISTS `default_catalog`.`shop`;

CREATE TABLE IF NOT EXISTS `default_catalog`.`shop`.`customers_src` (
  `id` INT NOT NULL, `name` STRING NULL, `city` STRING NULL, `credit` DECIMAL(12, 2) NULL,
  `created_at` TIMESTAMP NULL, `stamp` BIGINT NULL,
  PRIMARY KEY(`id`)
  NOT ENFORCED
) with (
  'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
  'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
  'database-name' = 'shop', 'table-name' = 'customers'
);
CREATE TABLE IF NOT EXISTS `default_catalog`.`shop`.`customers_sink` (
  `id` INT NOT NULL, `name` STRING NULL, `city` STRING NULL, `credit` DECIMAL(12, 2) NULL,
  `created_at` TIMESTAMP NULL, `stamp` BIGINT NULL,
  PRIMARY KEY(`id`)
  NOT ENFORCED
) with (
  'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
  'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
  'password' = '${SR_PASSWORD}', 'database-name' = 'shop', 'table-name' = 'customers',
  'sink.properties.format' = 'json', 'sink.properties.strip_outer_array' = 'true',
  'sink.buffer-flush.interval-ms' = '1000', 'sink.max-retries' = '10'
);
INSERT INTO `default_catalog`.`shop`.`customers_sink`
SELECT * FROM `default_catalog`.`shop`.`customers_src`;
