import Testing

/// A bad sample for each rule, and the good one beside it: a rule that cannot fail says nothing.
@Suite struct RuleSelfTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        var rule: Rule
        var path: String
        var bad: String
        /// The lines of the bad sample that are named.
        var lines: [Int]
        var good: String
        var testDescription: String { "\(rule.name): \(bad.prefix(30).split(separator: "\n").joined(separator: " "))" }

        init(_ rule: Rule, in path: String = "Sources/Locks/A.swift", bad: String, at lines: [Int] = [1], good: String)
        {
            self.rule = rule
            self.path = path
            self.bad = bad
            self.lines = lines
            self.good = good
        }
    }

    static let samples: [Sample] = moduleSamples + pureSamples + everywhereSamples + ownerSamples + otherSamples

    @Test(arguments: samples)
    func theRuleFindsTheBadAndPassesTheGood(_ sample: Sample) {
        let found = sample.rule.check(SourceTree([sample.path: sample.bad]))
        #expect(found.map(\.line) == sample.lines, "\(found)")
        #expect(found.allSatisfy { $0.path == sample.path })
        #expect(sample.rule.check(SourceTree([sample.path: sample.good])) == [])
    }

    static let moduleSamples: [Sample] = [
        Sample(.imports, bad: "import Primitives\nimport Consensus", at: [2], good: "import Primitives"),
        Sample(.imports, bad: "@preconcurrency import struct Foundation.Date", good: "// import Foundation"),
        Sample(.imports, in: "Sources/Storage/A.swift", bad: "import NIOCore", good: "import GRDB\nimport Foundation"),
    ]

    static let pureSamples: [Sample] = [
        Sample(.pureWords, bad: "let a = Date()", good: "let a = \"Date()\" // Date()"),
        Sample(.pureWords, bad: "func a() async {}", good: "func asynchronous() {}"),
        Sample(.pureWords, bad: "let a = 1\nactor A {}", at: [2], good: "struct Actor {}"),
        Sample(.pureWords, bad: "Task { }", good: "let `Task` = 1"),
        Sample(.pureWords, bad: "print(1)", good: "log.print(1); func print() {}"),
        Sample(.pureWords, bad: "let a: Set<Int> = []", good: "let a: OrderedSet<Int> = []"),
        Sample(.pureWords, bad: "final class A {}", good: "struct A {} // a class"),
        Sample(.pureWords, bad: "let a = \"x \\(Double(3))\"", good: "let a = \"x Double(3)\""),
        Sample(.pureWords, in: "Sources/Consensus/A.swift", bad: "#if os(Linux)\n#endif", good: "#if DEBUG\n#endif"),
        Sample(.pureRandomness, bad: "_ = Int.random(in: 0..<9)", good: "_ = Int.random(in: f(0)..<9, using: &g)"),
        Sample(.pureRandomness, bad: "a.shuffled()", good: "a.shuffled(using: &generator)"),
        Sample(.pureClock, bad: "let a = ContinuousClock.now", good: "let a = world.now + self.now"),
        Sample(.pureClock, bad: "wait(until: .now + second)", good: "let now = 3"),
        Sample(.pureClock, bad: "let a = clock.now", good: "wait(until: input.now)"),
        Sample(.pureDictionaries, bad: "var a: [LockName: Grant]", good: "var a: [Grant]; a[lock: b]; f([x: 1])"),
        Sample(.pureDictionaries, bad: "\nlet a: [A<B>: [C]] = b", at: [2], good: "let a: [(A, B)] = b"),
        Sample(.pureDictionaries, bad: "f([:])", good: "f([])"),
        Sample(
            .pureDefaults, bad: "switch a {\ncase .b: 1\ndefault: 2\n}", at: [3],
            good: "switch a {\ncase 1: 2\ndefault: switch b {\ncase .c: if case .d = e { 1 }\n}\n}"),
        Sample(
            .pureTestsDoNotSleep, in: "Tests/LocksTests/A.swift", bad: "try await Task.sleep(for: .seconds(1))",
            good: "device.sleeps(3); let sleep = 1"),
    ]

    static let everywhereSamples: [Sample] = [
        Sample(.traps, bad: "try! a()\nlet b = c as! D", at: [1, 2], good: "try? a(); let b = c as? D; try !a()"),
        Sample(.traps, bad: "fatalError(\"x\")", good: "let a = \"fatalError()\""),
        Sample(.forceUnwraps, bad: "a!.b()", good: "if !a, a != b, !(c) {}"),
        Sample(.forceUnwraps, bad: "let c = f(x)!\nd[0]!.e\nURL(\"\")!", at: [1, 2, 3], good: "return !a"),
        Sample(.forceUnwraps, bad: "var a: Int!", good: "let a = \"stop!\""),
        Sample(.forceUnwraps, bad: "let a = \"\\(b!)\"", good: "let a = \"\\(!b)\""),
        Sample(.leftovers, bad: "// TO" + "DO: later", good: "// the todos of a user"),
        Sample(.leftovers, in: "Tests/LocksTests/A.swift", bad: "\n/* FIX" + "ME */", at: [2], good: "let a = 1"),
        Sample(.emptyCatches, bad: "do { a() } catch {}", good: "do { a() } catch { b(error) }"),
        Sample(
            .emptyCatches, bad: "do { a() }\ncatch B.c {\n // why\n}", at: [2], good: "do { a() } catch { return }"),
        Sample(
            .proofs, bad: "final class A: @unchecked Sendable {}",
            good: "/// Only `lock` touches what changes.\nfinal class A: @unchecked Sendable {}"),
        Sample(.proofs, bad: "nonisolated(unsafe) var a = 1", good: "// Set once.\nnonisolated(unsafe) var a = 1"),
    ]

    static let ownerSamples: [Sample] = [
        Sample(.processes, in: "Sources/Storage/A.swift", bad: "csystem_spawn(a)", good: "process(a); a.system(b)"),
        Sample(.sockets, in: "Sources/Storage/A.swift", bad: "let a = socket(AF_INET, 0, 0)", good: "let socket = 1"),
        Sample(
            .clocks, in: "Sources/Storage/A.swift", bad: "ContinuousClock.now", at: [1, 1], good: "let a = row.now"),
        Sample(.clocks, in: "Sources/Commands/A.swift", bad: "let a = Date()", good: "let a = Date(seconds: 3)"),
    ]

    static let otherSamples: [Sample] = [
        Sample(
            .fileSizes, bad: String(repeating: "\n", count: 501), at: [501], good: String(repeating: "\n", count: 500)),
        Sample(
            .functionSizes, bad: "\nfunc a() {" + String(repeating: "\n", count: 60) + "}", at: [2],
            good: "func a() {" + String(repeating: "\n", count: 59) + "}"),
        Sample(
            .functionSizes, bad: "var a: Int {" + String(repeating: "\n", count: 60) + "}",
            good: "var a = {" + String(repeating: "\n", count: 60) + "}"),
        Sample(
            .functionSizes, bad: "init(a: Int) { switch a {\n}" + String(repeating: "\n", count: 60) + "}",
            good: "init(a: Int) {\nswitch a {" + String(repeating: "\n", count: 70) + "}\n}"),
        Sample(.columns, bad: String(repeating: "x", count: 121), good: String(repeating: "ä", count: 120)),
        Sample(
            .machinePaths, in: "README.md", bad: "see /wo" + "rk/x\nx=/ho" + "me/eve/a", at: [1, 2],
            good: "~/wo" + "rk/x and /ho" + "me/ann/notes, $HOME/wo" + "rk/b"),
        Sample(
            .secretKeys, in: "certs/a.pem", bad: "-----BEGIN EC PRIVATE " + "KEY-----",
            good: "-----BEGIN CERTIFICATE-----"),
        Sample(
            .hosts, in: "Package.swift", bad: "url: \"http" + "s://mirror.corp.net/a\"",
            good: "url: \"https://github.com/apple/swift-nio\" http://localhost:80 https://hub.example/a"),
    ]
}

/// The rules that look at the whole tree at once.
@Suite struct WholeTreeRuleTests {
    @Test func anArrowThatIsNotInTheManifestIsNamed() {
        let manifest = """
            let core: [Target.Dependency] = ["Primitives"]
            let mutants = [.define("MUTANTS")]
            let pure: [Target] = module("Primitives", settings: mutants) + module("Locks", ["Primitives", "Consensus"])
                + module("Consensus", core) + module("SyncRounds", [.product(name: "NIOCore", package: "swift-nio")])
            """
        let found = Rule.manifest.check(SourceTree(["Package.swift": manifest])).map(\.what)
        #expect(found.contains("Locks has Consensus, the map has not"))
        #expect(found.contains("SyncRounds has NIOCore, the map has not"))
        #expect(found.contains("SyncRounds lacks Primitives"))
        #expect(found.contains("no target Storage"))
        #expect(!found.contains { $0.hasPrefix("Consensus ") || $0.hasPrefix("Primitives ") })
    }

    @Test func aFolderThatIsNotOnTheMapIsNamed() {
        let tree = SourceTree(["Sources/Sneaky/A.swift": "", "Sources/Locks/A.swift": ""])
        #expect(Rule.everyModuleListed.check(tree).map(\.path) == ["Sources/Sneaky"])
    }

    @Test(arguments: [
        ("// Locks: leases. Never: Raft. Start with A.swift.\n", 0),
        ("import Primitives\n\n// Locks: leases. Never: Raft. Start with A.swift.\n", 0),
        ("/// Locks: leases. Never: Raft. Start with A.swift.\n", 1),
        ("struct A {}\n// Locks: leases. Never: Raft. Start with A.swift.\n", 1),
        ("// Locks: leases. Start with A.swift.\n", 1), ("// Locks: leases. Never: Raft. Start with Z.swift.\n", 1),
    ])
    func theHeadOfAModule(text: String, complaints: Int) {
        #expect(Rule.head.check(SourceTree(["Sources/Locks/A.swift": text])).count == complaints)
    }

    @Test func theMiddleIsMeasured() {
        let body = "func a() {" + String(repeating: "\n", count: 9) + "}\n"
        let found = Rule.middleSizes.check(SourceTree(["Sources/Locks/A.swift": String(repeating: body, count: 15)]))
        #expect(
            found.map(\.what) == [
                "median of files: 150 lines, at most 130", "median of functions: 10 lines, at most 8",
            ])
        #expect(Rule.percentile(50, of: [4, 1, 3, 2]) == 2)
        #expect(Rule.percentile(90, of: Array(1...10)) == 9)
        #expect(Rule.percentile(90, of: []) == 0)
    }

    @Test func anExceptionThatNothingNeedsIsNamed() {
        let allowance = Allowance(path: "Sources/Locks/", what: "force unwrap", reason: "for now")
        var rule = Rule.forceUnwraps
        rule.allowances = [allowance]
        #expect(rule.violations(in: SourceTree(["Sources/Locks/A.swift": "a!"])) == [])
        #expect(rule.violations(in: SourceTree(["Sources/Locks/A.swift": "a"])).count == 1)
        #expect(rule.violations(in: SourceTree(["Sources/Storage/A.swift": "a!"])).count == 2)
    }

    @Test func generatedCodeIsSpared() {
        let tree = SourceTree(["Sources/Locks/a.pb.swift": "import Foundation\nlet a = b!"])
        #expect(tree.files.isEmpty)
        #expect(tree.texts.count == 1)
    }
}

/// What every rule stands on.
@Suite struct SwiftTokensTests {
    private func words(_ source: String) -> [String] { SwiftTokens(source).tokens.map(\.text) }

    @Test func stringsAndCommentsAreNoCode() {
        #expect(words("a \"b // c\" d // e\nf /* g /* h */ i */ j") == ["a", "\"", "d", "f", "j"])
        #expect(words("#\"a\"b\"# c") == ["\"", "c"])
        #expect(words("\"\"\"\na \"b\" c\n\"\"\" d") == ["\"", "d"])
        #expect(words("\"a\\\"b\" c") == ["\"", "c"])
    }

    @Test func interpolatedCodeIsCode() {
        #expect(words("\"a \\(b(\"c\", d)) e\" f") == ["b", "(", "\"", ",", "d", ")", "\"", "f"])
        #expect(words("#\"a \\(b) \\#(c)\"#") == ["c", "\""])
    }

    @Test func linesAreCounted() {
        let tokens = SwiftTokens("a\n/* b\n c */ d\n\"\"\"\ne\n\"\"\"\nf").tokens
        #expect(tokens.map(\.line) == [1, 3, 4, 7])
    }

    @Test func functionsEndWhereTheirBodiesEnd() {
        let source = """
            protocol A {
                func b()
                func c() -> Int
            }
            func d(
                e: Int = { 1 }()
            ) -> Int where F: G {
                if h { return 1 }
                return i
            }
            let j = A.init(k: 1)
            var l = 3
            init() { l = 4 }
            """
        let functions = FunctionBody.all(in: SwiftTokens(source).tokens)
        #expect(functions.map(\.name) == ["d", "init"])
        #expect(functions.map(\.line) == [5, 13])
        #expect(functions.map(\.lineCount) == [6, 1])
    }
}
