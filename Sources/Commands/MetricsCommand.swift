import AgentRuntime
import ArgumentParser
import ControlSocket

struct MetricsCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Print what the agent counts, as Prometheus reads it.",
        discussion: """
            For a node exporter: baton metrics > /var/lib/node_exporter/baton.prom.$$, then rename it to baton.prom. \
            To be scraped: baton config set metrics.listen 127.0.0.1:9470 (a loopback address only).
            """)

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let report: MetricsReport = try await client.call(ControlCall.metrics, EmptyBody())
        await client.close()
        console.out(global.json ? try JSONText.of(report, console) : report.text)
        return Exit.done
    }
}
