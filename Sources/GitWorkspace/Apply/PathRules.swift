/// Which names may be written into a workspace. git's own check (fsck with protectHFS and protectNTFS) has passed by
/// then; this is the second lock on the same door, because a path that gets through runs code or leaves the root.
enum PathRules {
    /// A path longer than this cannot be opened on Linux.
    static let pathBytes = 4095
    static let nameBytes = 255

    /// True if every component is an ordinary name and none is another spelling of `.git`.
    static func allows(_ path: [UInt8]) -> Bool {
        guard !path.isEmpty, path.count <= pathBytes, !path.contains(0) else { return false }
        let components = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return components.allSatisfy { component in
            guard !component.isEmpty, component.count <= nameBytes else { return false }
            if component.elementsEqual([46]) || component.elementsEqual([46, 46]) { return false }
            // A backslash separates names where the file system or a peer is Windows.
            return component.split(separator: UInt8(ascii: "\\")).allSatisfy { !isGitDirectory($0) }
        }
    }

    /// True if a link at `path` with this target names something outside the workspace.
    static func leaves(linkAt path: [UInt8], target: [UInt8]) -> Bool {
        guard let first = target.first, first != UInt8(ascii: "/") else { return true }
        var depth = path.split(separator: UInt8(ascii: "/")).count - 1
        for component in target.split(separator: UInt8(ascii: "/")) {
            if component.elementsEqual([46, 46]) {
                depth -= 1
                if depth < 0 { return true }
            } else if !component.elementsEqual([46]) {
                depth += 1
            }
        }
        return false
    }

    /// `.git` as HFS+ and NTFS would resolve it: any case, `git~1`, trailing dots and blanks, a stream behind a colon,
    /// code points that HFS+ ignores.
    private static func isGitDirectory(_ component: ArraySlice<UInt8>) -> Bool {
        let text = String(decoding: component, as: UTF8.self)
        var scalars = text.unicodeScalars.filter { !isIgnoredByHFS($0.value) }
        if let colon = scalars.firstIndex(of: ":") { scalars = .init(scalars[..<colon]) }
        while let last = scalars.last, last == "." || last == " " { scalars.removeLast() }
        let name = String(scalars).lowercased()
        return name == ".git" || name == "git~1"
    }

    private static func isIgnoredByHFS(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x200C...0x200F, 0x202A...0x202E, 0x206A...0x206F, 0xFEFF: true
        default: false
        }
    }
}
