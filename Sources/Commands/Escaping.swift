/// Names from files, devices and peers, made harmless on a terminal.
enum Escaping {
    /// Control, bidirectional and invisible format characters and line ends become visible escapes.
    static func shown(_ text: some StringProtocol) -> String {
        guard text.unicodeScalars.contains(where: isDangerous) else { return String(text) }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            default:
                if isDangerous(scalar) {
                    result += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result
    }

    private static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
        // Joiners make emoji; everything else that is not seen, or turns the line round, is shown.
        if scalar.value == 0x200D || scalar.value == 0x200C { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: return true
        default: return false
        }
    }
}

/// How many columns of a terminal text takes.
enum DisplayWidth {
    static func of(_ text: some StringProtocol) -> Int { text.reduce(0) { $0 + of($1) } }

    static func of(_ character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        if first.isASCII { return 1 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        return first.properties.isEmojiPresentation || wide.contains { $0.contains(first.value) } ? 2 : 1
    }

    /// East Asian wide and full-width blocks.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
        0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD,
    ]

    /// At most `columns` wide: the middle goes, both ends stay.
    static func fit(_ text: String, into columns: Int, _ style: Style) -> String {
        guard of(text) > columns else { return text }
        let mark = style.symbol("…", ascii: "..")
        let room = max(0, columns - of(mark))
        let head = prefix(text, (room + 1) / 2)
        let tail = String(prefix(String(text.reversed()), room - of(head)).reversed())
        return columns < of(mark) ? prefix(text, columns) : head + mark + tail
    }

    private static func prefix(_ text: String, _ columns: Int) -> String {
        var used = 0
        return String(
            text.prefix {
                used += of($0)
                return used <= columns
            })
    }
}
