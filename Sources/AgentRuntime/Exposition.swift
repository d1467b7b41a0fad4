/// The text that Prometheus reads: text-based exposition format, version 0.0.4.
/// Families in the order in which they are added; each has HELP and TYPE once, and its samples together.
struct Exposition {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    enum Kind: String { case counter, gauge, histogram }

    private(set) var text = ""

    /// - Parameter name: of a counter with `_total` at its end; units last before that, as whole words.
    mutating func family(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples { text += name + sample.text + "\n" }
    }

    mutating func counter(_ name: String, _ help: String, _ value: UInt64) {
        family(name, .counter, help, [Sample([], Double(value))])
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Double?) {
        guard let value else { return }
        family(name, .gauge, help, [Sample([], value)])
    }

    /// One histogram for each set of labels.
    mutating func histogram(_ name: String, _ help: String, _ members: [(labels: [Label], histogram: Histogram)]) {
        family(name, .histogram, help, members.flatMap { $0.histogram.samples($0.labels) })
    }

    struct Label {
        var name: String
        var value: String

        init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    struct Sample {
        /// What follows the family's name: `_bucket`, `_sum`, `_count`.
        var suffix = ""
        var labels: [Label]
        var value: Double

        init(_ labels: [Label], _ value: Double, suffix: String = "") {
            self.labels = labels
            self.value = value
            self.suffix = suffix
        }

        var text: String {
            let inner = labels.map { "\($0.name)=\"\(Exposition.escaped($0.value, quotes: true))\"" }
            return suffix + (inner.isEmpty ? "" : "{\(inner.joined(separator: ","))}") + " " + Exposition.number(value)
        }
    }

    /// Backslash and line end, and in the value of a label the quotation mark.
    static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        guard value == value.rounded(), abs(value) < 1e15 else { return "\(value)" }
        return "\(Int64(value))"
    }
}

/// How many observations were at most so large, and their sum: seconds.
struct Histogram: Hashable, Sendable {
    static let seconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

    private var counts = [UInt64](repeating: 0, count: seconds.count + 1)
    private(set) var count: UInt64 = 0
    private(set) var sum: Double = 0

    mutating func observe(_ duration: Duration) {
        let value = duration.fractionalSeconds
        counts[Self.seconds.firstIndex { value <= $0 } ?? Self.seconds.count] += 1
        count += 1
        sum += value
    }

    func samples(_ labels: [Exposition.Label]) -> [Exposition.Sample] {
        var below: UInt64 = 0
        var samples: [Exposition.Sample] = []
        for (place, bound) in (Self.seconds + [.infinity]).enumerated() {
            below += counts[place]
            let bucket = labels + [Exposition.Label("le", Exposition.number(bound))]
            samples.append(Exposition.Sample(bucket, Double(below), suffix: "_bucket"))
        }
        return samples + [
            Exposition.Sample(labels, sum, suffix: "_sum"), Exposition.Sample(labels, Double(count), suffix: "_count"),
        ]
    }
}
