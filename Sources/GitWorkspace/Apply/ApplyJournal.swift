import Primitives

/// One path of a round's apply, as the journal names it.
struct StagedChange: Hashable, Sendable {
    /// Names the staged file: `n<number>`, and `o<number>` for what was taken out by a rename.
    var number: Int
    var change: PathChange
    /// The inode of the staged file; 0 if nothing is staged (a deletion, a change of mode).
    var inode: UInt64

    var incoming: [UInt8] { Array("n\(number)".utf8) }
    var taken: [UInt8] { Array("o\(number)".utf8) }
}

/// What a staging directory holds and means to do, written and synced before the first exchange and never changed
/// after. How far an exchange got is read off the file system: a staged name holds either the inode that the journal
/// names (not exchanged) or another one (exchanged: it is what was taken out).
struct ApplyJournal: Hashable, Sendable {
    /// The journal's file name says how far its round is.
    enum Phase: String, CaseIterable, Sendable {
        /// Nothing in the workspace was touched.
        case staged = "journal.staged"
        case begun = "journal.begun"
        /// Every path is settled; what was taken out is kept for a while.
        case done = "journal.done"

        var name: [UInt8] { Array(rawValue.utf8) }
    }

    var round: RoundID
    var exchanges: Bool
    var changes: [StagedChange]

    private static let heading = "baton-apply 1"

    var bytes: [UInt8] {
        var lines = [Self.heading, "\(round.token) \(round.sequence)", exchanges ? "exchange" : "rename"]
        for staged in changes {
            let (old, new) = (Self.text(staged.change.old), Self.text(staged.change.new))
            lines.append("\(staged.number) \(staged.inode) \(old) \(new) \(Hex.encode(staged.change.path))")
        }
        lines.append("end \(changes.count)\n")
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Nil unless it is a whole journal.
    init?(bytes: [UInt8]) {
        guard bytes.last == UInt8(ascii: "\n") else { return nil }
        let lines = String(decoding: bytes.dropLast(), as: UTF8.self).split(separator: "\n")
        guard lines.count >= 4, lines[0] == Self.heading, lines.last == "end \(lines.count - 4)" else { return nil }
        let words = lines[1].split(separator: " ")
        guard words.count == 2, let token = FencingToken(words[0]), let sequence = UInt64(words[1]) else {
            return nil
        }
        guard lines[2] == "exchange" || lines[2] == "rename" else { return nil }
        var changes: [StagedChange] = []
        for line in lines[3..<(lines.count - 1)] {
            guard let change = Self.change(line) else { return nil }
            changes.append(change)
        }
        self.init(
            round: RoundID(token: token, sequence: sequence), exchanges: lines[2] == "exchange", changes: changes)
    }

    init(round: RoundID, exchanges: Bool, changes: [StagedChange]) {
        self.round = round
        self.exchanges = exchanges
        self.changes = changes
    }

    private static func text(_ entry: TreeEntry?) -> String {
        guard let entry else { return "-" }
        return "\(String(entry.mode, radix: 8)):\(entry.blob)"
    }

    private static func change(_ line: Substring) -> StagedChange? {
        let words = line.split(separator: " ")
        guard words.count == 5, let number = Int(words[0]), let inode = UInt64(words[1]),
            let old = entry(words[2]), let new = entry(words[3]), let path = Hex.decode(words[4])
        else { return nil }
        return StagedChange(number: number, change: PathChange(path: path, old: old, new: new), inode: inode)
    }

    /// `.some(nil)` for `-`; nil for what is neither that nor an entry.
    private static func entry(_ word: Substring) -> TreeEntry?? {
        if word == "-" { return .some(nil) }
        let parts = word.split(separator: ":")
        guard parts.count == 2, let mode = UInt32(parts[0], radix: 8) else { return nil }
        return TreeEntry(mode: mode, blob: String(parts[1]))
    }
}
