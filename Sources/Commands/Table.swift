/// Rows under a header. Columns are as wide as their content; where the terminal is narrow, long cells lose their
/// middle as far as they stay readable, then columns are left out in their order, then cells lose more. The header is
/// always there.
struct Table: Sendable {
    struct Column: Sendable {
        var title: String
        /// Lower goes earlier; nil stays.
        var dropOrder: Int?
        /// Cells may lose their middle: down to so many columns before others are left out, and down to so many at all.
        var readable: Int?
        var least: Int?

        init(_ title: String, dropOrder: Int? = nil, readable: Int? = nil, least: Int? = nil) {
            self.title = title
            self.dropOrder = dropOrder
            self.readable = readable
            self.least = least
        }
    }

    struct Cell: Sendable {
        var text: String
        var paint: Style.Paint?

        init(_ text: some StringProtocol, _ paint: Style.Paint? = nil) {
            self.text = Escaping.shown(text)
            self.paint = paint
        }
    }

    struct Row: Sendable {
        /// Stands before the first column; as wide as the table's margin.
        var mark: String = ""
        var cells: [Cell]
    }

    var columns: [Column]
    var margin = 0
    var rows: [Row] = []
    static let gap = 3

    mutating func add(_ cells: [Cell], mark: String = "") { rows.append(Row(mark: mark, cells: cells)) }

    func lines(_ style: Style) -> [String] {
        let (shown, widths) = layout(style)
        let header = Row(cells: columns.map { Cell($0.title, .dim) })
        return ([header] + rows).map { line($0, shown, widths, style) }
    }

    /// Which columns are shown, and how wide.
    private func layout(_ style: Style) -> (shown: [Int], widths: [Int]) {
        var widths = columns.indices.map { at in
            rows.map { DisplayWidth.of($0.cells[at].text) }.reduce(DisplayWidth.of(columns[at].title), max)
        }
        var shown = Array(columns.indices)
        guard let room = style.columns else { return (shown, widths) }
        let readable = columns.indices.map { min(widths[$0], columns[$0].readable ?? widths[$0]) }
        let order = shown.filter { columns[$0].dropOrder != nil }
            .sorted { (columns[$0].dropOrder ?? 0) < (columns[$1].dropOrder ?? 0) }
        for column in order where total(shown, readable) > room { shown.removeAll { $0 == column } }
        let isEnough = total(shown, readable) <= room
        let floors = columns.indices.map { isEnough ? readable[$0] : columns[$0].least ?? widths[$0] }
        // The widest that may shrink goes first, a column at a time: what is cut is shared.
        while total(shown, widths) > room {
            let able = shown.filter { widths[$0] > floors[$0] }
            guard let widest = able.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
        }
        return (shown, widths)
    }

    private func total(_ shown: [Int], _ widths: [Int]) -> Int {
        margin + shown.map { widths[$0] }.reduce(0, +) + max(0, shown.count - 1) * Self.gap
    }

    private func line(_ row: Row, _ shown: [Int], _ widths: [Int], _ style: Style) -> String {
        var line = row.mark + String(repeating: " ", count: max(0, margin - DisplayWidth.of(row.mark)))
        for (place, at) in shown.enumerated() {
            let cell = row.cells[at]
            let text = DisplayWidth.fit(cell.text, into: widths[at], style)
            line += style.paint(text, cell.paint)
            if place == shown.count - 1 { break }
            line += String(repeating: " ", count: widths[at] - DisplayWidth.of(text) + Self.gap)
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}
