/// Values of one figure, each from one run.
struct BenchSamples: Sendable {
    private(set) var values: [Double]

    init(_ values: [Double] = []) { self.values = values }

    mutating func add(_ value: Double) { values.append(value) }
    mutating func add(_ time: Duration) { values.append(time.fractionalMilliseconds) }

    var median: Double {
        let sorted = values.sorted()
        guard let last = sorted.last else { return 0 }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : min(sorted[middle], last)
    }

    var least: Double { values.min() ?? 0 }
    var most: Double { values.max() ?? 0 }
}

extension Duration {
    var fractionalMilliseconds: Double {
        Double(components.seconds) * 1000 + Double(components.attoseconds) / 1_000_000_000_000_000
    }
}

/// What a figure should come to. `must` is required, `aim` is wanted.
enum BenchGoal: Sendable {
    case none
    case atMost(aim: Double, must: Double? = nil)
    case atLeast(aim: Double, must: Double)
    /// Of what runs beside it.
    case ratioAtMost(aim: Double, must: Double)
}

/// One row: a figure, and what was measured beside it in the same run.
struct BenchFigure: Sendable {
    struct Beside: Sendable {
        var what: String
        var samples: BenchSamples
    }

    var name: String
    var unit: String
    var samples: BenchSamples
    var beside: Beside?
    var goal = BenchGoal.none

    var ratio: Double? {
        guard let beside, beside.samples.median > 0 else { return nil }
        return samples.median / beside.samples.median
    }

    var cells: [String] {
        let range = "\(Self.text(samples.median)) (\(Self.text(samples.least))-\(Self.text(samples.most))) \(unit)"
        return [
            name, range, "\(samples.values.count)", beside.map { "\($0.what): \(Self.text($0.samples.median))" } ?? "",
            ratio.map(Self.text) ?? "", aim, verdict,
        ]
    }

    static let titles = ["FIGURE", "MEDIAN (RANGE)", "RUNS", "BESIDE", "RATIO", "AIM", "VERDICT"]

    private var aim: String {
        switch goal {
        case .none: ""
        case .atMost(let aim, let must): Self.text(aim) + (must.map { ", must \(Self.text($0))" } ?? "")
        case .atLeast(let aim, let must): "\(Self.text(aim)), must \(Self.text(must))"
        case .ratioAtMost(let aim, let must): "ratio \(Self.text(aim)), must \(Self.text(must))"
        }
    }

    private var verdict: String {
        switch goal {
        case .none: ""
        case .atMost(let aim, let must):
            Self.verdict(isAim: samples.median <= aim, isEnough: must.map { samples.median <= $0 } ?? false)
        case .atLeast(let aim, let must):
            Self.verdict(isAim: samples.median >= aim, isEnough: samples.median >= must)
        case .ratioAtMost(let aim, let must):
            ratio.map { Self.verdict(isAim: $0 <= aim, isEnough: $0 <= must) } ?? "not compared"
        }
    }

    private static func verdict(isAim: Bool, isEnough: Bool) -> String {
        if isAim { return "met" }
        return isEnough ? "enough" : "MISSED"
    }

    /// Three digits, no exponent.
    static func text(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        let size = abs(value)
        let digits = size >= 100 ? 0 : size >= 10 ? 1 : 2
        let scale = [1.0, 10, 100][digits]
        let scaled = Int64((size * scale).rounded())
        let whole = scaled / Int64(scale)
        let sign = value < 0 ? "-" : ""
        if digits == 0 { return "\(sign)\(whole)" }
        let rest = String(scaled % Int64(scale))
        return "\(sign)\(whole)." + String(repeating: "0", count: max(0, digits - rest.count)) + rest
    }
}

/// All rows as text for people, or as Markdown.
enum BenchTable {
    static func lines(_ figures: [BenchFigure], isMarkdown: Bool, _ style: Style) -> [String] {
        if isMarkdown {
            let row = { (cells: [String]) in "| " + cells.joined(separator: " | ") + " |" }
            let titles = BenchFigure.titles.map { $0.lowercased() }
            return [row(titles), "|" + String(repeating: "---|", count: titles.count)] + figures.map { row($0.cells) }
        }
        var table = Table(columns: BenchFigure.titles.map { Table.Column($0) })
        for figure in figures {
            table.add(
                figure.cells.map { cell in
                    Table.Cell(cell, cell == "MISSED" ? .red : cell == "met" ? .green : nil)
                })
        }
        return table.lines(style)
    }
}
