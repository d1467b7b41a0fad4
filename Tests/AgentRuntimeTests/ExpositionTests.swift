import Primitives
import Testing

@testable import AgentRuntime

/// Reads the Prometheus text format 0.0.4 strictly: every sample under its family, each family once, histograms whole.
enum ExpositionReader {
    struct Family {
        var help: String
        var type: String
        /// By what follows the name: `{result="ok"}`, `_bucket{le="1"}`, or nothing.
        var samples: [String: Double] = [:]
    }

    struct Fault: Error { var line: String }

    static func read(_ text: String) throws -> [String: Family] {
        var families: [String: Family] = [:]
        var current = ""
        var help = ""
        guard text.hasSuffix("\n") else { throw Fault(line: "no line end at the end") }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let fault = Fault(line: String(line))
            if let match = line.wholeMatch(of: /# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)/) {
                current = String(match.1)
                help = String(match.2)
                guard families[current] == nil else { throw fault }
            } else if let match = line.wholeMatch(of: /# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)/) {
                guard match.1 == current else { throw fault }
                families[current] = Family(help: help, type: String(match.2))
            } else if let match = line.wholeMatch(
                of: /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)+\})? (\S+)/)
            {
                let name = match.1
                let value = String(match.3)
                guard let number = Double(value == "+Inf" ? "inf" : value), name.hasPrefix(current) else { throw fault }
                let suffix = String(name.dropFirst(current.count)) + (match.2.map(String.init) ?? "")
                let isPart = ["_bucket", "_sum", "_count"].contains { name.dropFirst(current.count) == $0 }
                guard name == current || isPart && families[current]?.type == "histogram" else { throw fault }
                guard families[current]?.samples.updateValue(number, forKey: suffix) == nil else { throw fault }
            } else {
                throw fault
            }
        }
        return families
    }
}

@Suite struct ExpositionTests {
    @Test func aHistogramCountsUpToItsSum() throws {
        var histogram = Histogram()
        for milliseconds in [10, 60, 400, 3000, 500_000] { histogram.observe(.milliseconds(milliseconds)) }
        var out = Exposition()
        out.histogram("baton_x_seconds", "How long.", [([Exposition.Label("phase", "merge")], histogram)])
        let family = try #require(try ExpositionReader.read(out.text)["baton_x_seconds"])
        #expect(family.samples["_count{phase=\"merge\"}"] == 5)
        #expect(family.samples["_bucket{phase=\"merge\",le=\"+Inf\"}"] == 5)
        #expect(family.samples["_bucket{phase=\"merge\",le=\"0.05\"}"] == 1)
        #expect(family.samples["_bucket{phase=\"merge\",le=\"0.5\"}"] == 3)
        #expect(family.samples["_bucket{phase=\"merge\",le=\"120\"}"] == 4)
        #expect(family.samples["_sum{phase=\"merge\"}"] == 503.47)
    }

    @Test func valuesOfLabelsAreEscaped() throws {
        var out = Exposition()
        out.family(
            "baton_peer_up", .gauge, "One\nline \\ only.", [.init([.init("device", "a\"b\\c\nd")], 1)])
        #expect(
            out.text == """
                # HELP baton_peer_up One\\nline \\\\ only.
                # TYPE baton_peer_up gauge
                baton_peer_up{device="a\\"b\\\\c\\nd"} 1

                """)
        _ = try ExpositionReader.read(out.text)
    }

    @Test func numbersAreWhatGoPrints() {
        #expect(Exposition.number(1) == "1" && Exposition.number(0.25) == "0.25")
        #expect(Exposition.number(.infinity) == "+Inf" && Exposition.number(.nan) == "NaN")
    }
}

@Suite struct OperationIDTests {
    @Test(arguments: [0, 1, 31, 32, 1000, 1_048_575, 1_048_576, 40_000_000, 1 << 59])
    func thereAndBack(id: Int64) {
        let text = OperationID.text(id)
        #expect(OperationID.number(text) == id)
        #expect(UInt64(text) == nil)
    }

    @Test func growsAndIsNoNumber() {
        #expect(OperationID.text(1) == "k0001" && OperationID.text(32) == "k0010")
        for text in ["1843", "", "k", "k000i", "a0000", "kzzzzzzzzzzzzzzzz", "k0001\u{1B}"] {
            #expect(OperationID.number(text) == nil, "\(text)")
        }
    }
}
