import Primitives

/// Numbers as people read them.
enum Words {
    /// A span of time in its largest sensible unit: `0.4 s`, `12 s`, `4 min`, `3 h`, `2 d`.
    static func span(_ seconds: Double) -> String {
        let seconds = seconds.isFinite ? max(0, seconds) : 0
        if seconds < 9.95 {
            let tenths = Int((seconds * 10).rounded())
            return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
        }
        return coarse(seconds.rounded())
    }

    /// The same without tenths.
    static func coarse(_ seconds: Double) -> String {
        let whole = Int(min(max(0, seconds.isFinite ? seconds : 0), 1e12))
        switch whole {
        case ..<60: return "\(whole) s"
        case ..<3600: return "\(whole / 60) min"
        case ..<172_800: return "\(whole / 3600) h"
        default: return "\(whole / 86_400) d"
        }
    }

    /// `800 B`, `38 kB`, `1.4 MB`.
    static func bytes(_ count: Int) -> String {
        switch count {
        case ..<1000: "\(count) B"
        case ..<1_000_000: "\(count / 1000) kB"
        default: "\(count / 1_000_000).\(count / 100_000 % 10) MB"
        }
    }

    static func ago(_ seconds: Double) -> String { seconds < 1 ? "now" : "\(coarse(seconds)) ago" }

    static func count(_ number: some BinaryInteger, _ one: String, _ many: String? = nil) -> String {
        "\(number) \(number == 1 ? one : many ?? one + "s")"
    }

    /// `a`, `a or b`, `a, b or c`.
    static func list(_ names: [String], _ last: String) -> String {
        guard names.count > 1, let end = names.last else { return names.first ?? "" }
        return names.dropLast().joined(separator: ", ") + " \(last) " + end
    }
}

extension Duration {
    /// Reads `250ms`, `1s`, `1.5s`, `5m`, `2h`, `1d`; nil for anything else, and beyond a year.
    init?(words text: String) {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard let whole = parts.first.flatMap({ Int64($0) }), whole <= 31_536_000_000, parts.count <= 2 else {
            return nil
        }
        var thousandths: Int64 = 0
        if parts.count == 2 {
            guard (1...3).contains(parts[1].count), let fraction = Int64(parts[1]) else { return nil }
            thousandths = parts[1].count == 1 ? fraction * 100 : parts[1].count == 2 ? fraction * 10 : fraction
        }
        let units: [String: Int64] = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let unit = units[String(text.dropFirst(digits.count))] else { return nil }
        let (product, isTooMuch) = whole.multipliedReportingOverflow(by: unit)
        guard !isTooMuch, product <= 31_536_000_000 else { return nil }
        self = .milliseconds(product + thousandths * unit / 1000)
    }

    var secondsWithFraction: Double { Double(wholeMilliseconds) / 1000 }
}
