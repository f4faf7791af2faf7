import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

/**
 * Runs SQL scripts on real Flink, in a cluster inside this process.
 *
 * <p>A line of standard input is a command: {@code run FILE} waits for the script's jobs, {@code start FILE} does
 * not, {@code stop FILE} cancels them. The answer is one line: {@code ok} or {@code failed} and why. Statements end
 * with a semicolon at the end of a line.
 */
public class FlinkScripts {
    private final Map<String, List<TableResult>> started = new HashMap<>();

    public static void main(String[] args) throws Exception {
        FlinkScripts scripts = new FlinkScripts();
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        System.out.println("ok");
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split(" ", 2);
            String answer = "ok";
            try {
                scripts.obey(words[0], words[1]);
            } catch (Throwable failure) {
                answer = "failed " + causes(failure);
            }
            System.out.println(answer);
        }
        System.exit(0);
    }

    private void obey(String verb, String file) throws Exception {
        if (verb.equals("stop")) {
            for (TableResult job : started.remove(file)) {
                if (job.getJobClient().get().getJobStatus().get().isGloballyTerminalState()) {
                    job.await();
                } else {
                    job.getJobClient().get().cancel().get();
                }
            }
            return;
        }
        List<TableResult> jobs = execute(Files.readString(Path.of(file)));
        if (verb.equals("start")) {
            started.put(file, jobs);
            return;
        }
        for (TableResult job : jobs) {
            job.await();
        }
    }

    private static List<TableResult> execute(String script) {
        Configuration configuration = new Configuration();
        configuration.setString("execution.target", "local");
        configuration.setString("parallelism.default", "1");
        configuration.setString("table.local-time-zone", "UTC");
        configuration.setString("restart-strategy.type", "none");
        configuration.setString("taskmanager.memory.network.min", "64m");
        configuration.setString("taskmanager.memory.network.max", "64m");
        TableEnvironment environment =
                TableEnvironment.create(EnvironmentSettings.newInstance().withConfiguration(configuration).build());
        List<TableResult> jobs = new ArrayList<>();
        for (String statement : script.split(";\\s*(\\n|$)")) {
            if (statement.isBlank()) {
                continue;
            }
            if (statement.strip().startsWith("SET ")) {
                String[] sides = statement.strip().substring(4).split("=", 2);
                environment.getConfig().set(unquoted(sides[0]), unquoted(sides[1]));
                continue;
            }
            TableResult result = environment.executeSql(statement);
            if (result.getJobClient().isPresent()) {
                jobs.add(result);
            }
        }
        return jobs;
    }

    private static String unquoted(String text) {
        return text.strip().replaceAll("^'|'$", "");
    }

    private static String causes(Throwable failure) {
        List<String> texts = new ArrayList<>();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            texts.add(cause.toString().replaceAll("\\s+", " "));
        }
        return String.join(" | ", texts);
    }
}
