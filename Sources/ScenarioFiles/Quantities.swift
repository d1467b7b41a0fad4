import Simulation

/// A time as files have it.
package enum TimeText {
    package static func text(_ length: Nanoseconds) -> String { Quantity.text(duration: length) }
}

/// Durations, rates and shares: text <-> number, exact both ways, without floating point.
enum Quantity {
    private static let units: [(name: String, size: Nanoseconds)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
        ("ms", 1_000_000), ("us", 1_000), ("ns", 1),
    ]
    static let unitNames = "ns, us, ms, s, m, h or d"

    enum Reading: Hashable {
        case value(Int64)
        /// Not even of the right form.
        case malformed
        /// Of the right form and beyond 64 bits.
        case tooLarge
    }

    /// `250ms`, `1.5s`, `12h`.
    static func duration(_ text: String) -> Reading {
        let number = text.prefix { $0.isASCIIDigit || $0 == "." }
        let unit = text.dropFirst(number.count)
        guard let size = units.first(where: { $0.name == unit })?.size else { return .malformed }
        return scaled(number, by: size)
    }

    /// In the largest unit that it is a whole number of.
    static func text(duration: Nanoseconds) -> String {
        guard duration != 0, let unit = units.first(where: { duration % $0.size == 0 }) else { return "0s" }
        return "\(duration / unit.size)\(unit.name)"
    }

    /// `0.5%` or `200ppm`, in parts per million.
    static func share(_ text: String) -> Reading {
        if text.hasSuffix("%") { return scaled(text.dropLast(), by: 10_000) }
        if text.hasSuffix("ppm") { return scaled(text.dropLast(3), by: 1) }
        return .malformed
    }

    /// In per cent, with as many digits as it takes.
    static func text(share: Int64) -> String {
        let whole = share / 10_000
        var rest = String(share % 10_000)
        guard rest != "0" else { return "\(whole)%" }
        rest = String(repeating: "0", count: 4 - rest.count) + rest
        while rest.last == "0" { rest.removeLast() }
        return "\(whole).\(rest)%"
    }

    /// `4/s` or `0.2/s`, as the time between two.
    static func rate(_ text: String) -> Reading {
        guard let slash = text.firstIndex(of: "/"),
            let unit = units.first(where: { $0.name == text[text.index(after: slash)...] })?.size
        else { return .malformed }
        guard case .value(let millionths) = scaled(text[..<slash], by: 1_000_000), millionths > 0 else {
            return .malformed
        }
        let (product, overflows) = unit.multipliedReportingOverflow(by: 1_000_000)
        guard !overflows else { return .tooLarge }
        return .value(product / millionths)
    }

    /// As `4/s` if that is exact; otherwise the time between two.
    static func text(interval: Nanoseconds) -> String {
        let second: Nanoseconds = .seconds(1)
        guard interval > 0, interval <= second, second % interval == 0 else { return text(duration: interval) }
        return "\(second / interval)/s"
    }

    /// Digits with at most one point, times `size`; what is finer than 1 is refused.
    private static func scaled(_ number: Substring, by size: Int64) -> Reading {
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = parts.first, !whole.isEmpty, whole.allSatisfy(\.isASCIIDigit) else {
            return .malformed
        }
        guard let value = Int64(whole) else { return .tooLarge }
        var (total, overflows) = value.multipliedReportingOverflow(by: size)
        if parts.count == 2 {
            guard !parts[1].isEmpty, parts[1].count <= 12, parts[1].allSatisfy(\.isASCIIDigit) else {
                return .malformed
            }
            var left = size
            for digit in parts[1] {
                guard left % 10 == 0 || digit == "0" else { return .malformed }
                left /= 10
                let sum = total.addingReportingOverflow(Int64(digit.wholeNumberValue ?? 0) * left)
                total = sum.partialValue
                overflows = overflows || sum.overflow
            }
        }
        return overflows ? .tooLarge : .value(total)
    }
}

extension Character {
    var isASCIIDigit: Bool { isASCII && isNumber }
}
