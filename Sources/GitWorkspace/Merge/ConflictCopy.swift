/// The name under which the other version of a conflict stands beside the file: `plan.md` of the desktop is
/// `plan.conflict-desktop.md`. The same on every device, and a copy of a copy is named after the first file.
enum ConflictCopy {
    private static let mark = Array(".conflict-".utf8)
    private static let nameBytes = 255

    /// - Parameters:
    ///   - name: one component of a path.
    ///   - more: told apart by this, where the plain name is taken.
    static func name(of name: [UInt8], device: String, more: String? = nil) -> [UInt8] {
        let (stem, ending) = parts(name)
        let plain = device.utf8.map { isPlain($0) ? $0 : 45 }
        let tail = mark + plain + (more.map { [45] + Array($0.utf8) } ?? []) + ending
        // A name that becomes too long loses the end of its stem, at the beginning of a character.
        var kept = stem.prefix(max(0, nameBytes - tail.count))
        if kept.count < stem.count, stem[kept.count] & 0xC0 == 0x80 {
            while let last = kept.popLast(), last & 0xC0 == 0x80 {}
        }
        return kept + tail
    }

    /// What comes before the ending, without an earlier mark, and the ending with its dot.
    private static func parts(_ name: [UInt8]) -> (stem: [UInt8], ending: [UInt8]) {
        var stem = name
        var ending: [UInt8] = []
        // A dot at the beginning hides a file; it begins no ending.
        if let dot = name.lastIndex(of: 46), dot > 0, name.count - dot <= 16 {
            (stem, ending) = (Array(name[..<dot]), Array(name[dot...]))
        }
        if ending.starts(with: mark) { return (stem, []) }
        for place in stem.indices where stem[place...].starts(with: mark) && place > 0 {
            return (Array(stem[..<place]), ending)
        }
        return (stem, ending)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte) || byte == 45 || byte == 95
            || byte >= 128
    }
}
