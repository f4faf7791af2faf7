"""Statements of other systems people paste, by their first words, and what replaces them."""

FOREIGN_STARTS = {
    "EXECUTE CDCSOURCE": (
        "Write CREATE TABLE .. WITH ('connector' = 'mysql-cdc', ..) per source table, CREATE TABLE "
        ".. WITH ('connector' = 'starrocks', ..) per target, and INSERT INTO .. SELECT .. inside "
        "EXECUTE STATEMENT SET BEGIN .. END."
    ),
    "REPLACE INTO": "Write INSERT INTO a table with a PRIMARY KEY; it replaces rows by key.",
    "BEGIN": (
        "There are no transactions; a group of inserts is EXECUTE STATEMENT SET BEGIN .. END, or "
        "BEGIN STATEMENT SET; .. END;"
    ),
    "START TRANSACTION": "There are no transactions; checkpoints make the results consistent.",
    "COMMIT": "There are no transactions; checkpoints make the results consistent.",
    "ROLLBACK": "There are no transactions; checkpoints make the results consistent.",
    "DELIMITER": "Leave DELIMITER out; statements end with a semicolon.",
    "LOCK": "Leave LOCK TABLES out.",
    "UNLOCK": "Leave UNLOCK TABLES out.",
    "GRANT": "Grant privileges in the database itself.",
    "REVOKE": "Revoke privileges in the database itself.",
    "MERGE": "Write INSERT INTO a table with a PRIMARY KEY; it replaces rows by key.",
    "REFRESH": "Write INSERT INTO .. SELECT ..; its results are kept up to date.",
    "SUBMIT": "Write INSERT INTO .. SELECT .. on its own.",
    "LOAD DATA": "Write CREATE TABLE .. WITH ('connector' = ..) and INSERT INTO ..",
    "SOURCE": "Put the statements into one script.",
    "FLINK": "Write the statements on their own, without the job wrapper.",
}
