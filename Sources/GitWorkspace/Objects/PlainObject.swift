/// Which objects of a peer are so ordinary that no check of git's could find anything in them. Everything else goes to
/// `git index-pack --strict` for its verdict: a wrong "no" costs a process, a wrong "yes" would be a hole. So this is
/// written to say "no".
enum PlainObject {
    static func isPlain(_ object: StoredObject, digits: Int) -> Bool {
        switch object.kind {
        case .blob: true
        case .tree: isPlainTree(object.bytes, digits: digits)
        case .commit: isPlainCommit(object.bytes, digits: digits)
        case .tag: false
        }
    }

    /// Known modes as git writes them, ordinary names, each once, in order.
    private static func isPlainTree(_ bytes: [UInt8], digits: Int) -> Bool {
        guard let items = TreeObject.parse(bytes, idBytes: digits / 2), TreeObject.encode(items) == bytes else {
            return false
        }
        var names: Set<Name> = []
        for (offset, item) in items.enumerated() {
            guard
                [TreeEntry.file, TreeEntry.executable, TreeEntry.link, TreeObject.folder, Version.gitlink]
                    .contains(item.version.mode), isPlainName(item.name), names.insert(Name(item.name)).inserted,
                item.version.id.raw.contains(where: { $0 != 0 })
            else { return false }
            if offset > 0, !items[offset - 1].precedes(item) { return false }
        }
        return true
    }

    private static let harmlessGitNames = [
        ".gitignore", ".gitattributes", ".gitkeep", ".github", ".gitlab-ci.yml",
    ].map { Array($0.utf8) }

    /// No name that any file system could take for `.git` or `.gitmodules`: no other `.git...`, no `~` as in DOS names,
    /// no stream, no backslash, no code points that HFS+ ignores.
    static func isPlainName(_ name: [UInt8]) -> Bool {
        guard !name.isEmpty, name.count <= PathRules.nameBytes, name != [46], name != [46, 46] else { return false }
        let lowered = name.map { (65...90).contains($0) ? $0 + 32 : $0 }
        if lowered.starts(with: Array(".git".utf8)), !harmlessGitNames.contains(name) { return false }
        if lowered.starts(with: Array("gi".utf8)), name.contains(126) { return false }
        for (offset, byte) in name.enumerated() {
            switch byte {
            case 0, 47, 58, 92: return false
            // U+2000 to U+207F, and U+FEFF with its neighbours.
            case 0xE2 where offset + 1 < name.count && (0x80...0x81).contains(name[offset + 1]): return false
            case 0xEF where offset + 1 < name.count && name[offset + 1] == 0xBB: return false
            default: continue
            }
        }
        return true
    }

    /// A tree, parents, an author, a committer, a message, nothing else.
    private static func isPlainCommit(_ bytes: [UInt8], digits: Int) -> Bool {
        guard !bytes.contains(0) else { return false }
        var rest = bytes[...]
        func line() -> ArraySlice<UInt8>? {
            guard let end = rest.firstIndex(of: 10) else { return nil }
            defer { rest = rest[(end + 1)...] }
            return rest[rest.startIndex..<end]
        }
        guard let tree = line().flatMap({ value("tree ", $0) }), isID(tree, digits) else { return false }
        var next = line()
        while let parent = next.flatMap({ value("parent ", $0) }) {
            guard isID(parent, digits) else { return false }
            next = line()
        }
        guard let author = next.flatMap({ value("author ", $0) }), isPerson(author),
            let committer = line().flatMap({ value("committer ", $0) }), isPerson(committer)
        else { return false }
        return line()?.isEmpty == true
    }

    private static func value(_ key: String, _ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        line.starts(with: Array(key.utf8)) ? line.dropFirst(key.utf8.count) : nil
    }

    private static func isID(_ text: ArraySlice<UInt8>, _ digits: Int) -> Bool {
        text.count == digits && text.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }

    /// `Name <address> seconds +0000`
    private static func isPerson(_ text: ArraySlice<UInt8>) -> Bool {
        guard let open = text.firstIndex(of: 60), let close = text.lastIndex(of: 62), open < close,
            text.count(where: { $0 == 60 || $0 == 62 }) == 2, open - text.startIndex > 1, text[open - 1] == 32,
            text.first != 32
        else { return false }
        let words = text[(close + 1)...].split(separator: 32, omittingEmptySubsequences: false)
        guard words.count == 3, words[0].isEmpty, (1...10).contains(words[1].count),
            words[1].allSatisfy({ (48...57).contains($0) }), words[1].count == 1 || words[1].first != 48,
            words[2].count == 5, [43, 45].contains(words[2].first)
        else { return false }
        return words[2].dropFirst().allSatisfy { (48...57).contains($0) }
    }
}
