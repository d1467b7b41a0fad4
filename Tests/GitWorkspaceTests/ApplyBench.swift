import CSystemCalls
import Foundation
import Glibc
import Primitives

@testable import GitWorkspace

/// A workspace, a state directory beside it and the blobs that an apply may ask for.
final class ApplyBench {
    let scratch: Scratch
    let root: String
    let state: String
    var blobs: [String: [UInt8]] = [:]
    let round = RoundID(token: FencingToken(epoch: 7, counter: 1843), sequence: 12)

    init() throws {
        scratch = try Scratch()
        root = scratch.path + "/work"
        state = scratch.path + "/state"
        mkdir(root, 0o755)
        mkdir(state, 0o755)
    }

    static let everything = ApplyCapabilities(
        exchange: true, openBeneath: true, readLease: true, executableBit: true)

    /// What file systems and kernels may lack.
    static let kinds: [ApplyCapabilities] = [
        everything,
        ApplyCapabilities(exchange: true, openBeneath: false, readLease: false, executableBit: true),
        ApplyCapabilities(exchange: false, openBeneath: false, readLease: true, executableBit: true),
        ApplyCapabilities(exchange: false, openBeneath: true, readLease: false, executableBit: true),
    ]

    func applier(_ capabilities: ApplyCapabilities = ApplyBench.everything) throws -> Applier {
        try Applier(root: root, state: state, limited: capabilities)
    }

    // MARK: Entries

    func file(_ text: String, executable: Bool = false) -> TreeEntry {
        keep(text, executable ? TreeEntry.executable : TreeEntry.file)
    }
    func link(_ target: String) -> TreeEntry { keep(target, TreeEntry.link) }

    private func keep(_ text: String, _ mode: UInt32) -> TreeEntry {
        let blob = BlobHash.id(of: Array(text.utf8), digits: 40)
        blobs[blob] = Array(text.utf8)
        return TreeEntry(mode: mode, blob: blob)
    }

    func change(_ path: String, _ old: TreeEntry?, _ new: TreeEntry?) -> PathChange {
        PathChange(path: Array(path.utf8), old: old, new: new)
    }

    struct NoSuchBlob: Error {}

    func stage(_ applier: Applier, _ changes: [PathChange]) async throws -> StagedApply {
        let blobs = blobs
        return try await applier.stage(changes, round: round) { id in
            guard let bytes = blobs[id] else { throw NoSuchBlob() }
            return bytes
        }
    }

    func apply(_ changes: [PathChange], _ capabilities: ApplyCapabilities = ApplyBench.everything) async throws
        -> ApplyReport
    {
        let applier = try applier(capabilities)
        return try applier.exchange(try await stage(applier, changes))
    }

    // MARK: The workspace

    /// Puts an entry where it belongs, as a user would have.
    func put(_ path: String, _ entry: TreeEntry) throws {
        let bytes = blobs[entry.blob] ?? []
        if entry.isLink {
            symlink(String(decoding: bytes, as: UTF8.self), root + "/" + path)
        } else {
            let mode: mode_t = entry.mode == TreeEntry.executable ? 0o755 : 0o644
            try scratch.write(Array("work/\(path)".utf8), bytes, mode: mode)
        }
    }

    /// The entry that stands at `path`; nil if there is none (a directory counts as none).
    func entry(_ path: String) -> TreeEntry? {
        var raw = stat()
        guard lstat(root + "/" + path, &raw) == 0 else { return nil }
        switch raw.st_mode & S_IFMT {
        case S_IFLNK:
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = readlink(root + "/" + path, &buffer, buffer.count)
            let bytes = buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
            return TreeEntry(mode: TreeEntry.link, blob: BlobHash.id(of: bytes, digits: 40))
        case S_IFREG:
            let bytes = (try? scratch.read("work/\(path)")) ?? []
            let mode = raw.st_mode & S_IXUSR == 0 ? TreeEntry.file : TreeEntry.executable
            return TreeEntry(mode: mode, blob: BlobHash.id(of: bytes, digits: 40))
        default: return nil
        }
    }

    func text(_ path: String) -> String? {
        (try? scratch.read("work/\(path)")).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Every name below the root, sorted; directories end in a slash.
    func listing() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root).map { path in
            var raw = stat()
            lstat(root + "/" + path, &raw)
            return raw.st_mode & S_IFMT == S_IFDIR ? path + "/" : path
        }.sorted()
    }

    func status(_ path: String) -> stat {
        var raw = stat()
        lstat(root + "/" + path, &raw)
        return raw
    }

    /// One change of every kind there is. The workspace is brought to the old side.
    func everyKind() throws -> [PathChange] {
        let changes = [
            change("change", file("old\n"), file("new\n")),
            change("deep/in/gone", file("leaving\n"), nil),
            change("deep/kept", file("kept old\n"), file("kept new\n")),
            change("fresh/dir/added", nil, file("added\n")),
            change("link", link("change"), link("deep/kept")),
            change("mode", file("run\n"), file("run\n", executable: true)),
            change("to-dir", file("a file\n"), nil),
            change("to-dir/inside", nil, file("inside\n")),
            change("to-file/inside", file("was inside\n"), nil),
            change("to-file", nil, file("a file now\n", executable: true)),
            change("to-link", file("bytes\n"), link("change")),
            change("unlinked", link("mode"), file("a real file\n")),
        ]
        for change in changes {
            if let old = change.old { try put(String(decoding: change.path, as: UTF8.self), old) }
        }
        return changes
    }
}
