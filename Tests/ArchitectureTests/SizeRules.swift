/// Style.md, rule 11. The figures are those of the best code of this field.
extension Rule {
    static let sizes: [Rule] = [fileSizes, functionSizes, columns, middleSizes]

    static let fileLimit = 500
    static let functionLimit = 60
    static let dispatchLimit = 80
    static let columnLimit = 120

    static let fileSizes = Rule(
        name: "file sizes", why: "a file that cannot be read in one go is edited by people who have not read it"
    ) { tree in
        tree.files.filter { $0.lineCount > fileLimit }.map {
            Violation(
                path: $0.path, line: $0.lineCount, what: "\($0.lineCount) lines, at most \(fileLimit): split by idea")
        }
    }

    static let functionSizes = Rule(
        name: "function sizes", why: "a function longer than a page hides one idea among five",
        allowances: [
            Allowance(
                path: "Sources/Primitives/MutantFacts.swift", what: "`table`",
                reason: "a table: one row a mutant, and the compiler sees that none is missing")
        ]
    ) { tree in
        tree.files.flatMap { file in
            file.functions.compactMap { function in
                let limit = file.dispatches(function) ? dispatchLimit : functionLimit
                guard function.lineCount > limit else { return nil }
                let what = "`\(function.name)` has \(function.lineCount) lines, at most \(limit)"
                return Violation(path: file.path, line: function.line, what: what)
            }
        }
    }

    static let columns = Rule(
        name: "columns", why: "two files side by side on a laptop"
    ) { tree in
        let manifest = tree.text("Package.swift").map { [($0.path, $0.lines)] } ?? []
        return (tree.files.map { ($0.path, $0.lines) } + manifest).flatMap { path, lines in
            let isText = textLines(lines)
            return lines.enumerated().filter { offset, line in
                line.utf8.count > columnLimit && line.count > columnLimit && !isText[offset]
            }.map {
                Violation(path: path, line: $0.offset + 1, what: "\($0.element.count) columns, at most \(columnLimit)")
            }
        }
    }

    /// Which lines are nothing but the text of a string literal: a text is broken where its reader pauses.
    private static func textLines(_ lines: [some StringProtocol]) -> [Bool] {
        var isInside = false
        return lines.map { line in
            let code = line.drop { $0 == " " }
            let isLiteral = ["\"", "#\"", "+ \""].contains { code.hasPrefix($0) }
            let wasInside = isInside
            let quotes = line.split(separator: "\"\"\"", omittingEmptySubsequences: false).count - 1
            if !quotes.isMultiple(of: 2) { isInside.toggle() }
            return wasInside || isLiteral
        }
    }

    static let middleSizes = Rule(
        name: "sizes of the middle", why: "limits alone let everything grow to the limit; the middle says how it reads"
    ) { tree in
        let files = tree.sources.map(\.lineCount)
        let functions = tree.sources.flatMap(\.functions).filter { !$0.isProperty }.map(\.lineCount)
        let bounds: [(String, [Int], Int, Int)] = [
            ("median of files", files, 50, 130), ("90th percentile of files", files, 90, 320),
            ("median of functions", functions, 50, 8), ("90th percentile of functions", functions, 90, 24),
        ]
        return bounds.compactMap { name, values, percent, limit in
            let value = percentile(percent, of: values)
            guard value > limit else { return nil }
            return Violation(path: "Sources", line: 0, what: "\(name): \(value) lines, at most \(limit)")
        }
    }

    /// The value that `percent` of a hundred do not exceed; zero of nothing.
    static func percentile(_ percent: Int, of values: [Int]) -> Int {
        guard !values.isEmpty else { return 0 }
        let place = (values.count * percent + 99) / 100 - 1
        return values.sorted()[max(0, place)]
    }
}

extension SourceFile {
    /// Whether three quarters of a function are one switch.
    func dispatches(_ function: FunctionBody) -> Bool {
        let lines = function.line..<(function.line + function.lineCount)
        return switches.contains { lines.contains($0.line) && $0.lineCount * 4 >= function.lineCount * 3 }
    }
}
