-- In the form StarRocks' migration tool generates: per table one source, one sink, one INSERT.
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

CREATE TABLE IF NOT EXISTS `default_catalog`.`shop`.`orders_src` (
  `id` BIGINT NOT NULL, `customer_id` INT NULL, `status` STRING NULL,
  `amount` DECIMAL(10, 2) NULL, `ordered_at` TIMESTAMP NULL, `stamp` BIGINT NULL,
  PRIMARY KEY(`id`)
  NOT ENFORCED
) with (
  'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
  'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
  'database-name' = 'shop', 'table-name' = 'orders'
);
CREATE TABLE IF NOT EXISTS `default_catalog`.`shop`.`orders_sink` (
  `id` BIGINT NOT NULL, `customer_id` INT NULL, `status` STRING NULL,
  `amount` DECIMAL(10, 2) NULL, `ordered_at` TIMESTAMP NULL, `stamp` BIGINT NULL,
  PRIMARY KEY(`id`)
  NOT ENFORCED
) with (
  'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
  'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
  'password' = '${SR_PASSWORD}', 'database-name' = 'shop', 'table-name' = 'orders',
  'sink.properties.format' = 'json', 'sink.properties.strip_outer_array' = 'true',
  'sink.buffer-flush.interval-ms' = '1000', 'sink.max-retries' = '10'
);
INSERT INTO `default_catalog`.`shop`.`orders_sink`
SELECT * FROM `default_catalog`.`shop`.`orders_src`;

CREATE TABLE IF NOT EXISTS `default_catalog`.`shop`.`order_items_src` (
  `order_id` BIGINT NOT NULL, `line` INT NOT NULL, `product_id` INT NULL,
  `quantity` INT NULL, `price` DECIMAL(10, 2) NULL, `stamp` BIGINT NULL,
  PRIMARY KEY(`order_id`, `line`)
  NOT ENFORCED
) with (
  'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
  'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
  'database-name' = 'shop', 'table-name' = 'order_items'
);
CREATE TABLE IF NOT EXISTS `default_catalog`.`shop`.`order_items_sink` (
  `order_id` BIGINT NOT NULL, `line` INT NOT NULL, `product_id` INT NULL,
  `quantity` INT NULL, `price` DECIMAL(10, 2) NULL, `stamp` BIGINT NULL,
  PRIMARY KEY(`order_id`, `line`)
  NOT ENFORCED
) with (
  'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
  'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
  'password' = '${SR_PASSWORD}', 'database-name' = 'shop', 'table-name' = 'order_items',
  'sink.properties.format' = 'json', 'sink.properties.strip_outer_array' = 'true',
  'sink.buffer-flush.interval-ms' = '1000', 'sink.max-retries' = '10'
);
INSERT INTO `default_catalog`.`shop`.`order_items_sink`
SELECT * FROM `default_catalog`.`shop`.`order_items_src`;

CREATE TABLE IF NOT EXISTS `default_catalog`.`shop`.`商品_src` (
  `编号` INT NOT NULL, `名称` STRING NULL, `价格` DECIMAL(10, 2) NULL, `上架时间` TIMESTAMP NULL,
  `stamp` BIGINT NULL,
  PRIMARY KEY(`编号`)
  NOT ENFORCED
) with (
  'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
  'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
  'database-name' = 'shop', 'table-name' = '商品'
);
CREATE TABLE IF NOT EXISTS `default_catalog`.`shop`.`商品_sink` (
  `编号` INT NOT NULL, `名称` STRING NULL, `价格` DECIMAL(10, 2) NULL, `上架时间` TIMESTAMP NULL,
  `stamp` BIGINT NULL,
  PRIMARY KEY(`编号`)
  NOT ENFORCED
) with (
  'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
  'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
  'password' = '${SR_PASSWORD}', 'database-name' = 'shop', 'table-name' = '商品',
  'sink.properties.format' = 'json', 'sink.properties.strip_outer_array' = 'true',
  'sink.buffer-flush.interval-ms' = '1000', 'sink.max-retries' = '10'
);
INSERT INTO `default_catalog`.`shop`.`商品_sink`
SELECT * FROM `default_catalog`.`shop`.`商品_src`;

CREATE TABLE IF NOT EXISTS `default_catalog`.`shop`.`wide_src` (
  `id` INT NOT NULL, `a1` INT NULL, `a2` BIGINT NULL, `a3` DOUBLE NULL,
  `a4` DECIMAL(20, 6) NULL, `a5` STRING NULL, `a6` STRING NULL, `a7` DATE NULL,
  `a8` TIMESTAMP NULL, `a9` SMALLINT NULL, `b1` INT NULL, `b2` BIGINT NULL,
  `b3` DOUBLE NULL, `b4` DECIMAL(20, 6) NULL, `b5` STRING NULL, `b6` STRING NULL,
  `b7` DATE NULL, `b8` TIMESTAMP NULL, `b9` SMALLINT NULL, `stamp` BIGINT NULL,
  PRIMARY KEY(`id`)
  NOT ENFORCED
) with (
  'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}',
  'username' = '${MYSQL_USER}', 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC',
  'database-name' = 'shop', 'table-name' = 'wide'
);
CREATE TABLE IF NOT EXISTS `default_catalog`.`shop`.`wide_sink` (
  `id` INT NOT NULL, `a1` INT NULL, `a2` BIGINT NULL, `a3` DOUBLE NULL,
  `a4` DECIMAL(20, 6) NULL, `a5` STRING NULL, `a6` STRING NULL, `a7` DATE NULL,
  `a8` TIMESTAMP NULL, `a9` SMALLINT NULL, `b1` INT NULL, `b2` BIGINT NULL,
  `b3` DOUBLE NULL, `b4` DECIMAL(20, 6) NULL, `b5` STRING NULL, `b6` STRING NULL,
  `b7` DATE NULL, `b8` TIMESTAMP NULL, `b9` SMALLINT NULL, `stamp` BIGINT NULL,
  PRIMARY KEY(`id`)
  NOT ENFORCED
) with (
  'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${SR_QUERY_PORT}',
  'load-url' = '127.0.0.1:${SR_HTTP_PORT}', 'username' = '${SR_USER}',
  'password' = '${SR_PASSWORD}', 'database-name' = 'shop', 'table-name' = 'wide',
  'sink.properties.format' = 'json', 'sink.properties.strip_outer_array' = 'true',
  'sink.buffer-flush.interval-ms' = '1000', 'sink.max-retries' = '10'
);
INSERT INTO `default_catalog`.`shop`.`wide_sink`
SELECT * FROM `default_catalog`.`shop`.`wide_src`;
