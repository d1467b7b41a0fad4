import AgentRuntime
import ArgumentParser
import ControlSocket

struct DoctorCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look for what is wrong, and say what mends it.",
        discussion: """
            A remedy that is printed was checked to apply here. Exit status: 0 nothing is broken, 1 something is, 3 \
            the agent does not run, 4 there is no mesh.
            """)

    @OptionGroup var global: GlobalOptions
    @Option(
        help: ArgumentHelp(
            "Write all of this, the status, the log and the settings into a tar file, for whoever helps. It holds "
                + "names of devices and files, but no key, no invite, and nothing of what is in files.",
            valueName: "file"))
    var bundle: String?

    func perform(_ console: Console) async throws -> Int32 {
        let scene = try await DoctorScene.look(global, console)
        let findings = await Doctor.examine(scene)
        if let bundle {
            try await DoctorBundle(scene: scene, findings: findings).write(to: bundle)
            console.note("written: \(Escaping.shown(bundle))")
        }
        console.out(
            global.json
                ? try JSONText.of(DoctorReport(findings), console)
                : DoctorText.lines(findings, console.style).joined(separator: "\n"))
        await scene.client?.close()
        return Doctor.exitCode(findings, scene)
    }
}

/// One thing that was looked at.
struct Finding: Hashable, Sendable, Encodable {
    enum Result: String, Hashable, Sendable, Encodable, CaseIterable, Comparable {
        case ok, note, bad

        static func < (a: Result, b: Result) -> Bool { a.rank < b.rank }
        private var rank: Int {
            switch self {
            case .ok: 0
            case .note: 1
            case .bad: 2
            }
        }
    }

    var name: String
    var result: Result
    var text: String
    /// The command to type, or what to do. Only what was checked to apply: whoever makes one has looked (S3).
    var remedy: String?

    static func ok(_ name: String, _ text: String) -> Finding { Finding(name: name, result: .ok, text: text) }

    static func note(_ name: String, _ text: String, remedy: String? = nil) -> Finding {
        Finding(name: name, result: .note, text: text, remedy: remedy)
    }

    static func bad(_ name: String, _ text: String, remedy: String? = nil) -> Finding {
        Finding(name: name, result: .bad, text: text, remedy: remedy)
    }
}

/// `doctor --json`, schema `baton.doctor/1`.
struct DoctorReport: Encodable {
    var schema = "baton.doctor/1"
    var worst: Finding.Result
    var checks: [Finding]

    init(_ findings: [Finding]) {
        checks = findings
        worst = findings.map(\.result).max() ?? .ok
    }
}

/// A check: it looks at the scene, and perhaps at the system.
typealias DoctorCheck = @Sendable (DoctorScene) async -> [Finding]

enum Doctor {
    /// In the order in which they are shown. Whoever adds something that can break adds its check here.
    static let checks: [DoctorCheck] = [
        DoctorAgent.check, DoctorHome.permissions, DoctorHome.database, DoctorClock.check, DoctorGit.check,
        DoctorWorkspace.root, DoctorWorkspace.watches, DoctorNetwork.check, DoctorQuorum.check, DoctorWriters.check,
        DoctorWriters.outside,
        DoctorHooks.installed, DoctorHooks.closedGate,
        DoctorWorkspace.needs, DoctorSpace.check, DoctorService.check,
    ]

    static func examine(_ scene: DoctorScene) async -> [Finding] {
        var findings: [Finding] = []
        for check in checks { findings += await check(scene) }
        return findings
    }

    static func exitCode(_ findings: [Finding], _ scene: DoctorScene) -> Int32 {
        let bad = findings.filter { $0.result == .bad }
        if bad.isEmpty { return Exit.done }
        guard bad.allSatisfy({ $0.name == DoctorAgent.name }) else { return Exit.failed }
        return scene.home.hasMesh ? Exit.agentNotRunning : Exit.noMesh
    }
}

/// The findings as people read them.
enum DoctorText {
    static func lines(_ findings: [Finding], _ style: Style) -> [String] {
        let width = findings.map { DisplayWidth.of($0.name) }.max() ?? 0
        return findings.flatMap { finding -> [String] in
            let mark = Self.mark(finding.result, style)
            let head = "\(mark.text) \(LogText.pad(finding.name, width))  "
            var pieces = [Flow.Piece(head + finding.text)]
            if let remedy = finding.remedy { pieces.append(Flow.Piece(remedy, .bold, before: "      ")) }
            let indent = String(repeating: " ", count: DisplayWidth.of(head))
            var lines = Flow.lines(pieces, style, indent: indent)
            lines[0] = style.paint(mark.text, mark.paint) + lines[0].dropFirst(mark.text.count)
            return lines
        }
    }

    private static func mark(_ result: Finding.Result, _ style: Style) -> (text: String, paint: Style.Paint) {
        switch result {
        case .ok: (style.symbol("[✓]", ascii: "[ok]"), .green)
        case .note: (style.symbol("[!]", ascii: "[! ]"), .yellow)
        case .bad: (style.symbol("[✗]", ascii: "[x ]"), .red)
        }
    }
}
