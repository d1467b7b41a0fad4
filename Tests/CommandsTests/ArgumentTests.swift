import ControlSocket
import Testing
import WriterGate

@testable import AgentRuntime
@testable import Commands

/// Wrong arguments: exit code 64 and one line with the next command to type.
@Suite struct ArgumentTests {
    private static let wrong: [(String, String)] = [
        ("nonsense", "see: baton --help"),
        ("--nonsense", "see: baton --help"),
        ("status --nonsense", "see: baton status --help"),
        ("status extra", "see: baton status --help"),
        ("status --watch --check", "see: baton status --help"),
        ("status --home", "see: baton status --help"),
        ("sync --reason because", "see: baton sync --help"),
        ("sync --explain --now", "see: baton sync --help"),
        ("log -n 0", "see: baton log --help"),
        ("log -n many", "see: baton log --help"),
        ("run sleep 5", "put -- before the command: baton run -- CMD"),
        ("run --", "see: baton run --help"),
        ("gate ls", "put -- before the command: baton gate -- CMD"),
        ("gate --wait soon -- true", "see: baton gate --help"),
        ("gate --wait 1s --no-wait -- true", "see: baton gate --help"),
        ("lock -- true", "see: baton lock --help"),
        ("lock db true", "put -- before the command: baton lock NAME -- CMD"),
        ("lock db --ttl 0s -- true", "see: baton lock --help"),
        ("lock db --ttl 2h -- true", "see: baton lock --help"),
        ("config set sync.settle", "see: baton config --help"),
        ("config get", "see: baton config --help"),
        ("devices remove", "see: baton devices --help"),
        ("test-link cut", "see: baton test-link --help"),
        ("test-link tear nas", "see: baton test-link --help"),
        ("init a b", "see: baton init --help"),
        ("init --profile moon", "see: baton init --help"),
        ("init a --workspace b", "name one: baton init DIR"),
        ("join baton1-abc", "see: baton join --help"),
        ("join d", "--invite-file FILE (- is stdin)"),
        ("simulate --runs 0", "see: baton simulate --help"),
    ]

    @Test(arguments: wrong)
    func wrongArguments(words: String, hint: String) async {
        let recorder = Recorder()
        let console = recorder.console(environment: ["BATON_HOME": "/nowhere/at/all"])
        let code = await CommandLineEntry.run(words.split(separator: " ").map(String.init), on: console)
        #expect(code == 64)
        #expect(recorder.out == "")
        let lines = recorder.error.split(separator: "\n")
        #expect(lines.count == 1, "\(recorder.error)")
        #expect(recorder.error.hasPrefix("baton: "))
        #expect(recorder.error.hasSuffix(hint + "\n"), "\(recorder.error)")
    }

    @Test func theLines() async throws {
        let lines = await withTaskGroup(of: (Int, String).self) { group in
            for (at, wrong) in Self.wrong.enumerated() {
                group.addTask {
                    let recorder = Recorder()
                    let console = recorder.console(environment: ["BATON_HOME": "/nowhere/at/all"])
                    _ = await CommandLineEntry.run(wrong.0.split(separator: " ").map(String.init), on: console)
                    return (at, "$ baton \(wrong.0)\n\(recorder.error)")
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        try Golden.check("wrong-arguments", lines.sorted { $0.0 < $1.0 }.map(\.1).joined())
    }

    @Test(arguments: [
        ["--help"], ["help"], ["status", "--help"], ["config", "set", "--help"], ["--version"], ["version"], [],
    ])
    func whatIsAskedForIsData(arguments: [String]) async {
        let recorder = Recorder()
        #expect(await CommandLineEntry.run(arguments, on: recorder.console()) == 0)
        #expect(!recorder.out.isEmpty)
        #expect(recorder.error == "")
    }

    @Test func helpDoesNotNameTheSwitchesOfTests() async throws {
        let recorder = Recorder()
        _ = await CommandLineEntry.run(["--help"], on: recorder.console())
        try Golden.check("help", recorder.out)
        #expect(!recorder.out.contains("test-link"))
    }

    @Test func globalOptionsMayStandInFront() {
        #expect(
            GlobalOptions.moved(["--home", "/h", "--json", "run", "--name", "x", "--", "cmd", "--json"])
                == ["run", "--name", "x", "--home", "/h", "--json", "--", "cmd", "--json"])
        #expect(GlobalOptions.moved(["--home=/h", "status"]) == ["status", "--home=/h"])
        #expect(GlobalOptions.moved(["--home", "/h"]) == ["--home", "/h"])
        #expect(GlobalOptions.moved(["status", "--home", "/h"]) == ["status", "--home", "/h"])
    }

    @Test func homes() throws {
        func home(_ environment: [String: String], option: String? = nil) throws -> String {
            let global = try GlobalOptions.parse(option.map { ["--home", $0] } ?? [])
            return try global.homePath(Recorder().console(environment: environment))
        }
        #expect(try home(["BATON_HOME": "/b", "HOME": "/u"], option: "/o") == "/o")
        #expect(try home(["BATON_HOME": "/b", "HOME": "/u"]) == "/b")
        #if os(Linux)
            #expect(try home(["HOME": "/u", "XDG_STATE_HOME": "/x"]) == "/x/baton")
            #expect(try home(["HOME": "/u", "XDG_STATE_HOME": "relative"]) == "/u/.local/state/baton")
        #endif
        #expect(throws: CommandFailure.self) { try home([:]) }
        #expect(throws: CommandFailure.self) { try home(["BATON_HOME": "", "HOME": "/u"]) }
    }

    @Test func failuresKeepTheirCodes() {
        #expect(CommandFailure(ControlFailure(code: 9, message: "m", hint: "h"))?.code == 9)
        #expect(CommandFailure(SetupFailure(code: 10, message: "m", hint: "h"))?.line == "baton: m; h")
        #expect(CommandFailure(GateFailure(code: 75, message: "m"))?.line == "baton: m")
        #expect(CommandFailure(CancellationError())?.code == 75)
        struct Other: Error {}
        #expect(CommandFailure(Other()) == nil)
    }

    @Test func invites() throws {
        let scratch = try Scratch()
        let file = try scratch.write("invite", "  baton1-file\n")
        let pasted = try scratch.write("pasted", "BATON_INVITE=baton1-line baton join ~/notes\n")
        let environment = ["BATON_INVITE": "baton1-\n env "]
        func read(_ source: String?, _ console: Console) throws -> String {
            try InviteSource(file: source).read(console)
        }
        #expect(try read(file, Recorder().console(environment: environment)) == "baton1-file")
        #expect(try read(pasted, Recorder().console()) == "baton1-line")
        #expect(try read("-", Recorder().console(input: "baton1-stdin\n")) == "baton1-stdin")
        #expect(try read(nil, Recorder().console(environment: environment)) == "baton1-env")
        #expect(try read(nil, Recorder().console(secret: "baton1-typed")) == "baton1-typed")
        for (source, console) in [
            (nil, Recorder().console()), ("-", Recorder().console()), (scratch.path + "/none", Recorder().console()),
            (nil, Recorder().console(secret: " ")),
        ] {
            #expect(throws: CommandFailure.self) { try read(source, console) }
        }
    }
}
