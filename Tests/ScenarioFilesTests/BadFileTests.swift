import Primitives
import Testing

@testable import ScenarioFiles

/// Whatever a file holds: an answer with its place, soon, and without memory.
@Suite struct BadFileTests {
    private static let head = "scenario x\ncluster laptop desktop nas\nchaos 60s\n"

    private static let longHead = "scenario x\ncluster laptop desktop nas\nchaos 24h\n"

    private static func problem(_ text: String) -> ScenarioProblem? { problem(Array(text.utf8)) }

    private static func problem(_ bytes: [UInt8]) -> ScenarioProblem? {
        do {
            _ = try ScenarioParser.parse(path: "bad.sim", bytes: bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        ("at 3s suspnd laptop 4s", "4:7", "'suspnd' is nothing that can be done", "did you mean 'suspend'?"),
        ("at 3s suspend labtop 4s", "4:15", "no device is called 'labtop'", "did you mean 'laptop'?"),
        ("at 3s suspend laptop soon", "4:22", "'soon' is no length", "write a number and a unit"),
        ("at 3s suspend laptop", "4:21", "'suspend' lacks something", "write: suspend DEVICE TIME"),
        ("at 61s mend", "4:4", "after the end of chaos at 1m", "make the chaos longer"),
        ("at 9s..3s mend", "4:4", "runs backwards", "put the smaller first"),
        ("at 99999999999999999999s mend", "4:4", "is impossible", "at most 1d"),
        ("at 900d mend", "4:4", "is impossible", "between 0s and 1d"),
        ("every 1us mend", "4:7", "is impossible", "between 10ms"),
        ("every 10ms mend\nevery 1ms mend", "5:7", "is impossible", "between 10ms"),
        ("at 1s restart-storm nas 1000000000 every 1s", "4:25", "a count of 1000000000 is impossible", "1 to 1000"),
        ("net loss=200%", "4:10", "more than all", "at most 100%"),
        ("net los=2%", "4:5", "'los' is not known here", "did you mean 'loss'?"),
        ("net loss=2% loss=3%", "4:13", "'loss' stands here twice", "leave one"),
        ("net loss", "4:5", "'loss' lacks its value", "write loss="),
        ("net reorder=5", "4:5", "'reorder' takes no value", "write reorder alone"),
        ("net delay=exp(8ms", "4:11", "is no delay", "exp(8ms,min=1ms)"),
        ("workload writers=8 rate=1000/s", "4:1", "more than 10000000 writes in 1d", "write less often"),
        ("chaos 10s", "4:1", "'chaos' stands here twice, first in line 3", "leave one"),
        ("workload writers=1000", "4:18", "a count of 1000 is impossible", "0 to 8"),
        ("seeds 1..99999999999", "4:7", "more than 10000000 seeds", "smaller range"),
        ("seeds 5..1", "4:7", "runs backwards", "put the smaller first"),
        ("expect sometimes round-publishd", "4:18", "is no mark", "did you mean 'round-published'?"),
        ("expect always R99", "4:15", "'R99' is no check", "did you mean"),
        ("expect sometimes suspended\nexpect sometimes suspended", "5:1", "expected already", "leave the line out"),
        ("when round.phase=stagedd as L suspend L 4s", "4:18", "is no phase of a round", "did you mean 'staged'?"),
        ("when round.fase=staged mend", "4:6", "'round.fase'", "did you mean 'round.phase'?"),
        ("at 3s suspend L 4s", "4:15", "no device is called 'L'", "known: laptop"),
        ("at 3s bridge leader", "4:14", "no device by its name", "known: laptop"),
        ("at 3s wall nas +900000d", "4:16", "is impossible", "at most 7300d"),
        ("at 3s rate nas 1", "4:16", "is no speed", "110%"),
        ("config sync.settle=9d", "4:20", "impossible for sync.settle", "0s to 10m"),
        ("clocks rates=100%,110%", "4:1", "2 clock rates for 3 devices", "one rate per device"),
        ("late laptop", "4:6", "cannot be late", "founds the mesh"),
        ("learner laptop", "4:9", "is there already", "another name"),
        ("fly", "4:1", "'fly' begins no line", "known"),
        ("at 3s mend now", "4:12", "'now' is one word too many", "end the line"),
        ("plant nothing", "4:7", "is no planted bug", "known"),
    ])
    func `a mistake is named with its place and a hint`(_ line: String, _ place: String, _ what: String, _ hint: String)
    {
        let head = place.hasSuffix("4:1") && line.hasPrefix("workload") ? Self.longHead : Self.head
        let found = Self.problem(head + line + "\n")
        #expect(found.map { "\($0.line):\($0.column)" } == place)
        #expect(found?.message.contains(what) == true, "\(found?.description ?? "nothing")")
        #expect(found?.hint?.contains(hint) == true, "\(found?.description ?? "nothing")")
        #expect(found?.description.hasPrefix("bad.sim:\(place): ") == true)
    }

    @Test func `files that are none`() {
        #expect(Self.problem("")?.message.contains("no name") == true)
        #expect(Self.problem("scenario x\n")?.message.contains("no devices") == true)
        #expect(Self.problem("at 1s mend\n")?.hint?.contains("cluster") == true)
        #expect(Self.problem([0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0])?.message.contains("is no text") == true)
        #expect(Self.problem([UInt8(ascii: "a"), 0xFF, 0xFE])?.message.contains("not UTF-8") == true)
        let large = [UInt8](repeating: UInt8(ascii: "#"), count: Limits.scenarioFileBytes + 1)
        #expect(Self.problem(large)?.message.contains("larger") == true)
        let long = "scenario " + String(repeating: "x", count: Limits.scenarioLineBytes)
        #expect(Self.problem(long)?.hint == "break it into lines")
        let many = String(repeating: "\n", count: Limits.scenarioLines + 5)
        #expect(Self.problem(many)?.message.contains("lines") == true)
        let lines = String(repeating: "at 1s mend\n", count: Limits.scenarioRules + 1)
        #expect(Self.problem(Self.head + lines)?.message.contains("at most") == true)
        let names = (0...9).map { "d\($0)" }.joined(separator: " ")
        #expect(Self.problem("cluster \(names)")?.message.contains("at most") == true)
    }

    @Test func `changed files never trap`() {
        for seed in UInt64(1)...60 {
            var random = RandomFile(seed: seed)
            var bytes = Array(ScenarioFormat.text(random.file()).utf8)
            for _ in 0..<40 {
                let at = random.below(bytes.count)
                switch random.below(4) {
                case 0: bytes[at] = UInt8(random.below(256))
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(contentsOf: Array("99999999999999999999".utf8), at: at)
                default: bytes.insert(random.pick(Array(" =.-><()#%/\n".utf8)), at: at)
                }
                if let file = try? ScenarioParser.parse(path: "x.sim", bytes: bytes) { _ = file.compile(seed: seed) }
            }
        }
    }
}
