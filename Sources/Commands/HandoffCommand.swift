import AgentRuntime
import ArgumentParser
import ControlSocket

struct HandoffCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "handoff", abstract: "Pass the leadership to another device, without a gap.")

    @Argument(help: "A name, an id or the beginning of one; else whoever is fit.") var device: String?
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let report = try await client.patientCall(
            ControlCall.handoff, HandoffCall(device: device), as: HandoffReport.self)
        await client.close()
        console.out(
            global.json
                ? try JSONText.of(report, console)
                : "\(Escaping.shown(report.name)) leads now, token \(report.token); took \(Self.took(report.took_s))")
        return Exit.done
    }

    /// A handoff is a matter of milliseconds.
    static func took(_ seconds: Double) -> String {
        seconds < 1 ? "\(Int((max(0, seconds) * 1000).rounded())) ms" : Words.span(seconds)
    }
}
