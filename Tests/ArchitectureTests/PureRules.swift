/// What would break "any failure can be replayed from a seed" (style.md).
extension Rule {
    static let pure: [Rule] = [
        pureWords, pureRandomness, pureClock, pureDictionaries, pureDefaults, pureTestsDoNotSleep,
    ]

    private static let phrases: [Phrase] = [
        Phrase("Date (", "wall time is an input"),
        Phrase("ContinuousClock", "time is an input"), Phrase("SuspendingClock", "time is an input"),
        Phrase("clock_gettime", "time is an input"),
        Phrase("SystemRandomNumberGenerator", "randomness is an input: SeededGenerator"),
        Phrase("Task", "a pure module has no concurrency"), Phrase("async", "a pure module has no concurrency"),
        Phrase("await", "a pure module has no concurrency"), Phrase("actor", "a pure module has no concurrency"),
        Phrase("Mutex", "a value has one owner"), Phrase("DispatchQueue", "a pure module has no concurrency"),
        Phrase("class", "state is a value: copied, compared, replayed"),
        Phrase("print (", "return an event"), Phrase("debugPrint (", "return an event"),
        Phrase("dump (", "return an event"), Phrase("Logger", "return an event"),
        Phrase("Dictionary", "its order differs from process to process: use a sorted array"),
        Phrase("Set", "its order differs from process to process: use a sorted array"),
        Phrase(". hashValue", "hashing is seeded per process"), Phrase("Hasher (", "hashing is seeded per process"),
        Phrase("ObjectIdentifier", "addresses differ from run to run"),
        Phrase("Double", "rounding differs between machines: use integers"),
        Phrase("Float", "rounding differs between machines: use integers"),
        Phrase("getenv (", "the environment is an input"), Phrase("ProcessInfo", "the environment is an input"),
        Phrase("CommandLine", "the environment is an input"), Phrase("FileManager", "files are effects"),
        Phrase("# if os", "a pure module is the same on every system"),
    ]

    static let pureWords = Rule(
        name: "banned words in pure modules",
        why: "a pure module must do the same for the same inputs, on every device and in every run of a seed",
        allowances: [
            Allowance(
                path: "Sources/Simulation/WorldEvents.swift", what: "Hasher(",
                reason: "fingerprints of states, compared within one process and never printed"),
            Allowance(path: "Sources/Simulation/Oracle.swift", what: "`Set`", reason: "asked by key, never iterated"),
            Allowance(
                path: "Sources/Simulation/LockHistory.swift", what: "`Set`",
                reason: "what a search has seen: asked by key, never iterated"),
        ]
    ) { tree in
        tree.pureFiles.flatMap { file in phrases.flatMap { $0.violations(in: file) } }
    }

    static let pureRandomness = Rule(
        name: "randomness in pure modules",
        why: "an election timeout that no seed gave cannot be replayed: pass a generator"
    ) { tree in
        let draws = ["random", "shuffled", "shuffle", "randomElement"].flatMap { name in
            [Phrase(". \(name) (", "")]
        }
        return tree.pureFiles.flatMap { file in
            draws.flatMap { draw in
                draw.occurrences(in: file.tokens).filter { at in
                    let arguments = file.tokens[(at + 2)...].prefixOfParentheses
                    return !arguments.contains { $0.text == "using" }
                }.map {
                    Violation(path: file.path, line: file.tokens[$0].line, what: "`\(draw.text)` without `using:`")
                }
            }
        }
    }

    static let pureClock = Rule(
        name: "clocks in pure modules", why: "time comes in as `now: Instant`; `.now` reads a clock"
    ) { tree in
        tree.pureFiles.flatMap { $0.clockReads() }
    }

    static let pureDictionaries = Rule(
        name: "dictionaries in pure modules",
        why: "Swift seeds hashing per process, so the order of a dictionary is a second, unrecorded input",
        allowances: [Allowance(path: "Sources/Simulation/Oracle.swift", reason: "asked by key, never iterated")]
    ) { tree in
        tree.pureFiles.flatMap { file in
            file.dictionaryTypes.map {
                Violation(path: file.path, line: $0, what: "a dictionary type or literal: use a sorted array")
            }
        }
    }

    static let pureDefaults = Rule(
        name: "no default over our own enums",
        why: "with `default:` the compiler is silent when a case is added, and the new case does what nobody decided"
    ) { tree in
        tree.pureFiles.flatMap { file in
            file.switches.filter(\.namesCases).compactMap { found in
                found.defaultLine.map {
                    Violation(path: file.path, line: $0, what: "`default:` in the switch of line \(found.line)")
                }
            }
        }
    }

    static let pureTestsDoNotSleep = Rule(
        name: "tests of pure modules do not sleep",
        why: "time is an input there; a test that sleeps is slow and passes by luck"
    ) { tree in
        let phrases = ["sleep (", "usleep (", ". sleep ("].map { Phrase($0, "pass another `now`") }
        return tree.files.filter { !$0.isSource && ModuleMap.isPure(String($0.target.dropLast("Tests".count))) }
            .flatMap { file in phrases.flatMap { $0.violations(in: file) } }
    }
}

extension SourceTree {
    var pureFiles: [SourceFile] { sources.filter { ModuleMap.isPure($0.target) } }
}

extension Collection where Element == Token {
    /// From the opening parenthesis at the start to the one that closes it.
    var prefixOfParentheses: [Token] {
        var depth = 0
        var found: [Token] = []
        for token in self {
            if token.text == "(" { depth += 1 }
            if token.text == ")" { depth -= 1 }
            found.append(token)
            if depth == 0 { break }
        }
        return found
    }
}

extension SourceFile {
    /// `.now` by itself, and `now` of a type or of something called a clock; a property `now` of a value is no clock.
    func clockReads() -> [Violation] {
        Phrase(". now", "").occurrences(in: tokens).compactMap { at in
            let before = at > 0 ? tokens[at - 1] : nil
            let own = before.map { $0.kind == .word || [")", "]", "?", "!"].contains($0.text) } ?? false
            let isOwner = own && !tokens[at].spaced && !["return", "in", "case"].contains(before?.text ?? "")
            let name = before?.text ?? ""
            let isClock = name.first?.isUppercase == true || name.lowercased().hasSuffix("clock")
            guard !isOwner || isClock else { return nil }
            return Violation(path: path, line: tokens[at].line, what: "`.now` reads a clock")
        }
    }

    /// Lines with `[K: V]` or `[:]`, as far as text can tell.
    var dictionaryTypes: [Int] {
        tokens.indices.filter { at in
            guard tokens[at].text == "[", at + 2 < tokens.count else { return false }
            if tokens[at + 1].text == ":", tokens[at + 2].text == "]" { return true }
            guard tokens[at + 1].kind == .word, tokens[at + 1].text.first?.isUppercase == true else { return false }
            var next = at + 1
            while next + 1 < tokens.count,
                tokens[next].kind == .word || ["<", ">", ".", ",", "?"].contains(tokens[next].text)
            {
                next += 1
            }
            guard tokens[next].text == ":", next + 1 < tokens.count else { return false }
            let value = tokens[next + 1]
            return value.text == "[" || value.text == "(" || value.text.first?.isUppercase == true
        }.map { tokens[$0].line }
    }
}
