import Glibc
import Primitives
import Synchronization

/// Whether the user's index has paths in conflict. A merge or a rebase has a file that says so; what else leaves
/// conflict markers in files (`stash pop`, `checkout -m`, ...) shows in the index alone. The answer is remembered by
/// the stamp of the index, which git replaces whenever it writes: for one that is unchanged it costs one `stat`.
final class UnmergedPaths: Sendable {
    private struct Answer {
        var stamp: Stamp
        var since: Int64?
    }

    private let known = Mutex<Answer?>(nil)

    /// Unix seconds since which there are some, as far as we saw it; nil: there are none. Blocking.
    func since(in directory: String, _ git: HermeticGit) -> Int64? {
        let path = directory + "/index"
        var raw = stat()
        // Looked at before the bytes: an index that comes in between is another one at the next look.
        guard stat(path, &raw) == 0 else { return nil }
        let stamp = Stamp(raw)
        let last = known.withLock { $0 }
        if let last, last.stamp == stamp { return last.since }
        guard let bytes = DurableFile.read(path), let isThere = Self.areThere(bytes) ?? Self.ask(git) else {
            return nil
        }
        // A command that only refreshes the index does not make them younger.
        let since = isThere ? last?.since ?? Int64(raw.st_mtim.tv_sec) : nil
        known.withLock { $0 = Answer(stamp: stamp, since: since) }
        return since
    }

    /// Nil if git cannot say: then there is nothing that it would do with the index either.
    private static func ask(_ git: HermeticGit) -> Bool? {
        do throws(GitError) {
            return try !git.runBlocking(["ls-files", "--unmerged", "-z"]).output.isEmpty
        } catch { return nil }
    }

    /// Reads the stages of an index's entries. Total on any bytes.
    /// - Returns: nil for an index that is git's to read: split, or of a form that we do not know.
    static func areThere(_ bytes: [UInt8]) -> Bool? {
        // The length of ids is said nowhere in it: with the wrong one the parts do not fill the file.
        let answers = [20, 32].map { idBytes in bytes.withUnsafeBufferPointer { stages($0, idBytes) } }
        return answers[0] ?? answers[1]
    }

    private static func stages(_ bytes: UnsafeBufferPointer<UInt8>, _ idBytes: Int) -> Bool? {
        let end = bytes.count - idBytes
        guard end >= 12, bytes[..<4].elementsEqual("DIRC".utf8) else { return nil }
        let version = number(bytes, 4)
        guard (2...4).contains(version) else { return nil }
        var isThere = false
        var offset = 12
        for _ in 0..<number(bytes, 8) {
            let place = offset + 40 + idBytes
            guard place + 4 <= end else { return nil }
            let flags = Int(bytes[place]) << 8 | Int(bytes[place + 1])
            if flags & 0x3000 != 0 { isThere = true }
            if version == 2, flags & 0x4000 != 0 { return nil }
            // Further flags come behind the first ones.
            let name = flags & 0x4000 != 0 ? place + 4 : place + 2
            guard let next = self.end(of: offset, bytes, end, name: name, flags: flags, isShort: version == 4) else {
                return nil
            }
            offset = next
        }
        while offset < end {
            guard offset + 8 <= end else { return nil }
            // Of a split index the rest of the entries is elsewhere.
            if bytes[offset..<offset + 4].elementsEqual("link".utf8) { return nil }
            offset += 8 + number(bytes, offset + 4)
        }
        return offset == end ? isThere : nil
    }

    /// Where the entry at `offset` ends.
    /// - Parameter isShort: its name begins with the number of bytes that it does not share with the one before, and
    ///   nothing is filled up.
    private static func end(
        of offset: Int, _ bytes: UnsafeBufferPointer<UInt8>, _ end: Int, name: Int, flags: Int, isShort: Bool
    ) -> Int? {
        var name = name
        if isShort {
            while name < end, bytes[name] & 0x80 != 0 { name += 1 }
            name += 1
        }
        let length = flags & 0xFFF
        var nameEnd = isShort || length == 0xFFF ? name : name + length
        if nameEnd == name { while nameEnd < end, bytes[nameEnd] != 0 { nameEnd += 1 } }
        guard nameEnd < end, bytes[nameEnd] == 0 else { return nil }
        return isShort ? nameEnd + 1 : offset + (nameEnd - offset + 8) / 8 * 8
    }

    private static func number(_ bytes: UnsafeBufferPointer<UInt8>, _ offset: Int) -> Int {
        (0..<4).reduce(0) { $0 << 8 | Int(bytes[offset + $1]) }
    }
}
