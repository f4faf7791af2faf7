import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.List;

/** Does with a JDBC driver what tools do, and prints one line a step. Arguments: URL, user, password. */
public class JdbcProbe {
    public static void main(String[] args) throws Exception {
        try (Connection c = DriverManager.getConnection(args[0], args[1], args[2])) {
            DatabaseMetaData meta = c.getMetaData();
            System.out.println("product " + meta.getDatabaseProductVersion());
            try (Statement s = c.createStatement()) {
                s.execute("CREATE DATABASE IF NOT EXISTS j");
                s.execute("USE j");
                s.execute("DROP TABLE IF EXISTS t");
                s.execute("CREATE TABLE t (id INT NOT NULL, b BIGINT, d DOUBLE, x DECIMAL(10,2),"
                    + " s VARCHAR(50), dt DATE, ts DATETIME, f BOOLEAN) PRIMARY KEY (id)"
                    + " DISTRIBUTED BY HASH(id) BUCKETS 2");
                System.out.println("inserted " + s.executeUpdate("INSERT INTO t VALUES"
                    + " (1, 9000000000, 1.5, 2.25, 'eins', '2024-01-31', '2024-01-31 10:11:12', true)"));
            }
            try (PreparedStatement p = c.prepareStatement("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)")) {
                for (int id = 2; id < 5; id++) {
                    p.setInt(1, id);
                    p.setLong(2, id * 10L);
                    p.setDouble(3, id + 0.5);
                    p.setBigDecimal(4, new BigDecimal("12.34"));
                    p.setString(5, "O'Neil \\ \"" + id);
                    p.setDate(6, Date.valueOf("2024-02-29"));
                    p.setTimestamp(7, Timestamp.valueOf("2024-02-29 01:02:03.456"));
                    p.setBoolean(8, id % 2 == 0);
                    p.addBatch();
                }
                p.executeBatch();
            }
            try (PreparedStatement p = c.prepareStatement("SELECT * FROM t WHERE id >= ? AND s <> ? ORDER BY id")) {
                p.setInt(1, 1);
                p.setString(2, "none");
                print("row", p.executeQuery());
            }
            try (PreparedStatement p = c.prepareStatement("UPDATE t SET s = ? WHERE id = ?")) {
                p.setString(1, "neu");
                p.setInt(2, 2);
                System.out.println("updated " + p.executeUpdate());
            }
            try (Statement s = c.createStatement()) {
                System.out.println("deleted " + s.executeUpdate("DELETE FROM t WHERE id = 3"));
                print("count", s.executeQuery("SELECT COUNT(*) FROM t"));
                print("types", s.executeQuery("SELECT COUNT(*), SUM(b), AVG(d), MAX(x), MAX(ts), NULL FROM t"));
            }
            print("tables", meta.getTables("j", null, "%", new String[] {"TABLE"}), "TABLE_NAME");
            print("columns", meta.getColumns("j", null, "t", "%"), "COLUMN_NAME");
            print("keys", meta.getPrimaryKeys("j", null, "t"), "COLUMN_NAME");
            print("catalogs", meta.getCatalogs(), "TABLE_CAT");
            print("indexes", meta.getIndexInfo("j", null, "t", false, false), "COLUMN_NAME");
            c.setAutoCommit(false);
            c.rollback();
            c.commit();
            c.setAutoCommit(true);
            c.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            c.setReadOnly(false);
            System.out.println("valid " + c.isValid(5));
            try (Statement s = c.createStatement()) {
                s.executeQuery("SELECT * FROM nothing");
            } catch (SQLException e) {
                System.out.println("error " + e.getErrorCode() + " " + e.getSQLState() + " " + e.getMessage());
            }
            try (Statement s = c.createStatement()) {
                s.setFetchSize(args[0].startsWith("jdbc:mysql") ? Integer.MIN_VALUE : 1);
                ResultSet r = s.executeQuery("SELECT g FROM (SELECT 1 AS g UNION ALL SELECT 2) u ORDER BY g");
                print("stream", r);
            }
        }
    }

    private static void print(String name, ResultSet rows, String... columns) throws SQLException {
        ResultSetMetaData meta = rows.getMetaData();
        List<String> found = new ArrayList<>();
        while (rows.next()) {
            if (columns.length > 0) {
                found.add(rows.getString(columns[0]));
                continue;
            }
            List<String> row = new ArrayList<>();
            for (int i = 1; i <= meta.getColumnCount(); i++) {
                row.add(meta.getColumnTypeName(i) + ":" + rows.getObject(i));
            }
            found.add(String.join("|", row));
        }
        System.out.println(name + " " + String.join(" ; ", found));
        rows.close();
    }
}
