import Simulation

/// Reads the words of one line from left to right; every refusal says where it stands.
struct WordReader {
    let file: String
    let line: Int
    private let words: [Word]
    private var place = 0
    /// Where the line ends: what is missing is missing there.
    private let end: Int

    init(file: String, _ line: SourceLine) {
        self.file = file
        self.line = line.number
        words = line.words
        end = line.words.last.map(\.end) ?? 1
    }

    /// The rest of a word, behind a `=` for example.
    private init(_ reader: WordReader, _ word: Word) {
        file = reader.file
        line = reader.line
        words = [word]
        end = word.end
    }

    var isAtEnd: Bool { place >= words.count }
    var peek: Word? { isAtEnd ? nil : words[place] }

    mutating func takeRest() -> [Word] {
        defer { place = words.count }
        return Array(words[place...])
    }

    func problem(_ at: Word?, _ message: String, hint: String? = nil) -> ScenarioProblem {
        ScenarioProblem(file: file, line: line, column: at?.column ?? end, message, hint: hint)
    }

    // MARK: Words

    mutating func word(_ what: String, hint: String? = nil) throws(ScenarioProblem) -> Word {
        guard !isAtEnd else { throw problem(nil, "here \(what) is missing", hint: hint) }
        place += 1
        return words[place - 1]
    }

    /// Takes the next word if it is this one.
    mutating func takes(_ text: String) -> Bool {
        guard peek?.text == text else { return false }
        place += 1
        return true
    }

    mutating func finish() throws(ScenarioProblem) {
        guard let extra = peek else { return }
        throw problem(extra, "'\(extra.text)' is one word too many", hint: "end the line before it")
    }

    /// One of a closed list.
    mutating func choice<Value>(_ what: String, _ known: [(String, Value)]) throws(ScenarioProblem) -> Value {
        let names = known.map(\.0)
        let word = try self.word(what, hint: "known: \(names.joined(separator: ", "))")
        guard let found = known.first(where: { $0.0 == word.text }) else {
            throw problem(word, "'\(word.text)' is no \(what.withoutArticle)", hint: Spelling.hint(word.text, names))
        }
        return found.1
    }

    /// `key=value`: the key, and a reader of the value.
    mutating func setting() throws(ScenarioProblem) -> (key: Word, value: WordReader?) {
        let word = try self.word("a setting")
        guard let at = word.text.firstIndex(of: "=") else { return (word, nil) }
        let key = Word(text: String(word.text[..<at]), column: word.column)
        let value = String(word.text[word.text.index(after: at)...])
        return (key, WordReader(self, Word(text: value, column: key.end + 1)))
    }

    /// The same word without its last characters.
    func dropping(suffix count: Int) -> WordReader {
        guard let word = peek else { return self }
        return WordReader(self, Word(text: String(word.text.dropLast(count)), column: word.column))
    }

    /// The values between commas of the next word.
    mutating func list(_ what: String) throws(ScenarioProblem) -> [WordReader] {
        let word = try self.word(what)
        var column = word.column
        return word.text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            defer { column += part.count + 1 }
            return WordReader(self, Word(text: String(part), column: column))
        }
    }

    // MARK: Quantities

    mutating func duration(
        _ what: String, in range: ClosedRange<Nanoseconds>, signed: Bool = false
    ) throws(ScenarioProblem) -> Nanoseconds {
        let form = "write a number and a unit (\(Quantity.unitNames)), as \(signed ? "+1h" : "250ms")"
        let word = try self.word(what, hint: form)
        let isNegative = signed && word.text.hasPrefix("-")
        let digits = signed && (isNegative || word.text.hasPrefix("+")) ? String(word.text.dropFirst()) : word.text
        switch Quantity.duration(digits) {
        case .value(let value):
            let value = isNegative ? -value : value
            guard range.contains(value) else {
                throw problem(
                    word, "\(what) of \(word.text) is impossible",
                    hint:
                        "between \(range.lowText) and \(range.highText)"
                )
            }
            return value
        case .tooLarge:
            throw problem(
                word, "\(what) of \(word.text) is impossible",
                hint: "at most \(Quantity.text(duration: range.upperBound))")
        case .malformed: throw problem(word, "'\(word.text)' is no \(what.withoutArticle)", hint: form)
        }
    }

    /// A share of a million.
    mutating func share(_ what: String) throws(ScenarioProblem) -> Int {
        let form = "write 0.5% or 200ppm"
        let word = try self.word(what, hint: form)
        switch Quantity.share(word.text) {
        case .value(let value) where value <= 1_000_000: return Int(value)
        case .value, .tooLarge: throw problem(word, "\(word.text) is more than all", hint: "at most 100%")
        case .malformed: throw problem(word, "'\(word.text)' is no \(what.withoutArticle)", hint: form)
        }
    }

    /// The time between two: `4/s`, or `250ms`.
    mutating func interval(
        _ what: String, in range: ClosedRange<Nanoseconds>
    ) throws(ScenarioProblem) -> Nanoseconds {
        guard let word = peek, word.text.contains("/") else { return try duration(what, in: range) }
        place += 1
        guard case .value(let value) = Quantity.rate(word.text) else {
            throw problem(word, "'\(word.text)' is no rate", hint: "write 4/s, or the time between two, as 250ms")
        }
        guard range.contains(value) else {
            throw problem(
                word, "a rate of \(word.text) is impossible",
                hint:
                    "one in \(range.lowText) to \(range.highText)"
            )
        }
        return value
    }

    mutating func number(_ what: String, in range: ClosedRange<Int64>) throws(ScenarioProblem) -> Int64 {
        let word = try self.word(what, hint: "a whole number, \(range.lowerBound) to \(range.upperBound)")
        guard let value = Int64(word.text), range.contains(value) else {
            let isNumber = !word.text.isEmpty && word.text.allSatisfy(\.isASCIIDigit)
            throw problem(
                word, isNumber ? "\(what) of \(word.text) is impossible" : "'\(word.text)' is no number",
                hint: "a whole number, \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    mutating func count(_ what: String, in range: ClosedRange<Int>) throws(ScenarioProblem) -> Int {
        Int(try number(what, in: Int64(range.lowerBound)...Int64(range.upperBound)))
    }

    /// What stands before and behind `separator` in the next word; without it, the word twice.
    mutating func parts(around separator: String) throws(ScenarioProblem) -> (low: WordReader, high: WordReader) {
        let word = try self.word("a value")
        let (text, mark) = (Array(word.text), Array(separator))
        guard
            let at = text.indices.first(where: {
                $0 + mark.count <= text.count && Array(text[$0..<($0 + mark.count)]) == mark
            })
        else { return (WordReader(self, word), WordReader(self, word)) }
        let low = Word(text: String(text[..<at]), column: word.column)
        let high = Word(text: String(text[(at + mark.count)...]), column: word.column + at + mark.count)
        return (WordReader(self, low), WordReader(self, high))
    }
}

extension String {
    /// `a duration` -> `duration`.
    var withoutArticle: String {
        for article in ["a ", "an ", "the "] where hasPrefix(article) { return String(dropFirst(article.count)) }
        return self
    }
}

extension ClosedRange<Nanoseconds> {
    var lowText: String { Quantity.text(duration: lowerBound) }
    var highText: String { Quantity.text(duration: upperBound) }
}
