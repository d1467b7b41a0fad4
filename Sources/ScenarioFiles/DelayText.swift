import Simulation

extension Delay {
    /// `8ms`, `tail(8ms)`, `1ms..5ms`, `exp(8ms,min=1ms)`.
    var fileText: String {
        switch self {
        case .around(let typical): Quantity.text(duration: typical)
        case .longTail(let typical): "tail(\(Quantity.text(duration: typical)))"
        case .between(let low, let high): "\(Quantity.text(duration: low))..\(Quantity.text(duration: high))"
        case .exponential(let mean, let least):
            least == 0
                ? "exp(\(Quantity.text(duration: mean)))"
                : "exp(\(Quantity.text(duration: mean)),min=\(Quantity.text(duration: least)))"
        }
    }
}

extension WordReader {
    mutating func delay(most: Nanoseconds) throws(ScenarioProblem) -> Delay {
        let form = "write 8ms, 1ms..5ms, tail(8ms) or exp(8ms,min=1ms)"
        guard let word = peek else { throw problem(nil, "here a delay is missing", hint: form) }
        let range: ClosedRange<Nanoseconds> = 0...most
        if word.text.contains("..") {
            let span = try SlotParser(devices: []).span("a delay", range, &self)
            return .between(span.low, span.high)
        }
        guard word.text.contains("(") else { return .around(try duration("a delay", in: range)) }
        guard word.text.hasSuffix(")") else { throw problem(word, "'\(word.text)' is no delay", hint: form) }
        var (kind, rest) = try parts(around: "(")
        let name = try kind.word("a kind of delay")
        rest = rest.dropping(suffix: 1)
        var inner = try rest.list("a delay")
        guard inner.count == 1 || inner.count == 2 && name.text == "exp" else {
            throw problem(word, "'\(word.text)' is no delay", hint: form)
        }
        let first = try inner[0].duration("a delay", in: range)
        guard name.text == "exp" else {
            guard name.text == "tail" else {
                throw problem(
                    name, "'\(name.text)' is no kind of delay", hint: Spelling.hint(name.text, ["tail", "exp"]))
            }
            return .longTail(first)
        }
        guard inner.count == 2 else { return .exponential(mean: first, least: 0) }
        let (key, value) = try inner[1].setting()
        guard key.text == "min", var least = value else {
            throw problem(key, "'\(key.text)' is not known here", hint: form)
        }
        return .exponential(mean: first, least: try least.duration("a delay", in: range))
    }
}
