import AgentRuntime
import ArgumentParser
import ControlSocket

struct StatusCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show devices, leader, sync state, and what needs you.",
        discussion: """
            baton status          the whole state
            baton status sync     how far each device's tree is, and what is held back
            baton status writers  the writers' health: who writes, who is paused
            """)

    enum View: String, ExpressibleByArgument, CaseIterable, Sendable { case all, sync, writers }

    @Argument(help: ArgumentHelp("What to show: all, sync or writers.", valueName: "view")) var view: View = .all
    @OptionGroup var global: GlobalOptions
    @Flag(help: "Show it again whenever something changes, until Ctrl-C.") var watch = false
    @Flag(help: "Set the exit status: 0 healthy, 1 attention, 5 no leader or quorum, 6 conflicts, 7 stopped.")
    var check = false
    @Flag(name: [.short, .long], help: "Show term, index, round-trip times, versions and addresses too.")
    var verbose = false

    func validate() throws {
        if watch, check { throw ValidationError("--watch does not end, so --check has no use with it.") }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        if watch { return try await follow(client, console) }
        let report = try await client.status()
        console.out(try shown(report, console))
        await client.close()
        return check ? Health.exitCode(report) : Exit.done
    }

    private func shown(_ report: StatusReport, _ console: Console) throws -> String {
        switch view {
        case .all:
            if global.json { return try JSONText.of(report, console) }
            return StatusText(report: report, style: console.style, isDetailed: verbose).text
        case .sync:
            if global.json { return try JSONText.of(SyncView(report), console) }
            return StatusSyncText(report: report, style: console.style).text
        case .writers:
            if global.json { return try JSONText.of(WritersView(report), console) }
            return StatusWritersText(report: report, style: console.style).text
        }
    }

    /// On a terminal each report is painted over the one before; in a pipe they follow each other.
    private func follow(_ client: ControlClient, _ console: Console) async throws -> Int32 {
        var before: String?
        for try await report in client.stream(ControlCall.watch, EmptyBody(), as: StatusReport.self) {
            let text = try shown(report, console)
            guard text != before else { continue }
            if console.outputIsTerminal {
                console.writeOut("\u{1B}[H\u{1B}[J" + text + "\n")
            } else {
                console.out(before == nil || global.json ? text : "\n" + text)
            }
            before = text
        }
        throw CommandFailure(
            Exit.agentNotRunning, "the agent stopped", hint: "start it: \(global.typed("up"))")
    }
}
