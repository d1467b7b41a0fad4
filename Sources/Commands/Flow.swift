/// Pieces of text on one line where they fit, else on as few as needed.
enum Flow {
    struct Piece: Sendable {
        var text: String
        var paint: Style.Paint?
        /// What stands between this piece and the one before it on the same line.
        var before: String

        init(_ text: String, _ paint: Style.Paint? = nil, before: String = "   ") {
            self.text = Escaping.shown(text)
            self.paint = paint
            self.before = before
        }
    }

    /// Lines after the first begin with `indent`. A piece that is wider than a line is broken at its spaces.
    static func lines(_ pieces: [Piece], _ style: Style, indent: String = "  ") -> [String] {
        guard let room = style.columns else {
            return [pieces.enumerated().map { ($0 == 0 ? "" : $1.before) + style.paint($1.text, $1.paint) }.joined()]
        }
        var lines: [String] = []
        var line = ""
        var used = 0
        func breakLine() {
            lines.append(line)
            line = indent
            used = DisplayWidth.of(indent)
        }
        for (at, piece) in pieces.enumerated() {
            let isFirst = at == 0 || line == indent
            let gap = isFirst ? "" : piece.before
            let need = DisplayWidth.of(gap) + DisplayWidth.of(piece.text)
            if used + need <= room {
                line += gap + style.paint(piece.text, piece.paint)
                used += need
                continue
            }
            if !isFirst {
                // What joins two pieces is not lost with the line's end.
                if piece.before.first == ",", used < room { line += "," }
                breakLine()
            }
            for (place, part) in wrapped(piece.text, room - used, room - DisplayWidth.of(indent), style).enumerated() {
                if place > 0 { breakLine() }
                line += style.paint(part, piece.paint)
                used += DisplayWidth.of(part)
            }
        }
        return lines + [line]
    }

    /// Broken at spaces; a word that is wider than a line loses its middle.
    private static func wrapped(_ text: String, _ first: Int, _ others: Int, _ style: Style) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            let word = DisplayWidth.fit(String(word), into: others, style)
            let room = lines.isEmpty ? first : others
            if line.isEmpty {
                line = word
            } else if DisplayWidth.of(line) + 1 + DisplayWidth.of(word) <= room {
                line += " " + word
            } else {
                lines.append(line)
                line = word
            }
        }
        return lines + [line]
    }
}
