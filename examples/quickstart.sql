-- Needs no server: five generated rows, printed. Try: penstock run examples/quickstart.sql
CREATE TABLE orders (
    id INT, item STRING, price DECIMAL(10, 2)
) WITH (
    'connector' = 'datagen', 'number-of-rows' = '5',
    'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '5',
    'fields.item.length' = '6'
);
CREATE TABLE shown (id INT, item STRING, size STRING) WITH ('connector' = 'print');

INSERT INTO shown
SELECT id, UPPER(item), CASE WHEN id > 3 THEN 'large' ELSE 'small' END FROM orders;
