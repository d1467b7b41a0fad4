import Foundation
import Primitives
import Testing

@testable import GitWorkspace

/// The same captures under other device ids, and in another order: git knows no devices, so what they made must come
/// out the same as far as it can.
@Suite struct MergeOrderTests {
    private let fixture: CaptureFixture
    private static let paths = ["a", "b", "d", "d/x", "d/y", "e/f/g", "e/f", "log.jsonl"]

    init() async throws { fixture = try await CaptureFixture() }

    private func commit(_ files: [String: String], _ parents: [Revision]) throws -> Revision {
        let batch = ObjectBatch(fixture.store)
        var lines: [TreeLine] = []
        for (name, text) in files.sorted(by: { $0.key < $1.key }) {
            let id = try batch.add(.blob, Array(text.utf8))
            lines.append(TreeLine(path: Array(name.utf8), new: Version(mode: TreeEntry.file, id: id)))
        }
        let revision = try batch.add(
            commit: ObjectBatch.Commit(
                tree: TreeEdit(batch: batch).apply(lines, to: fixture.store.emptyTree), parents: parents, author: "t",
                email: "t@t", seconds: 1, message: "t\n\nBaton-Round: 1.1/2\n"))
        try batch.finish()
        return revision
    }

    private func text(_ lines: [Int]) -> String { lines.map { "line \($0)\n" }.joined() }

    /// A tree that a file system can hold: no name is a file and a folder.
    private func edited(_ files: [String: String], _ random: inout SeededGenerator) -> [String: String] {
        var files = files
        for _ in 0..<(1 + random.below(4)) {
            let path = Self.paths[Int(random.below(UInt64(Self.paths.count)))]
            switch random.below(4) {
            case 0: files[path] = nil
            case 1:
                for other in files.keys where other.hasPrefix(path + "/") || path.hasPrefix(other + "/") {
                    files[other] = nil
                }
                files[path] = text([Int(random.below(3)), 7])
            default:
                guard let old = files[path] else { continue }
                var lines = old.split(separator: "\n").map(String.init)
                lines[Int(random.below(UInt64(lines.count)))] = "changed \(random.below(3))"
                files[path] = lines.map { $0 + "\n" }.joined()
            }
        }
        return files
    }

    /// What a merge came to, without who is whose side.
    private struct Outcome: Equatable {
        var files: [String: String]
        /// Paths that a person has to look at.
        var open: Set<String>
    }

    private func merge(_ base: Revision, _ captures: [Revision], ids: [Int]) throws -> (MergeResult, Outcome) {
        let given = zip(captures, ids).map { revision, id in
            DeviceCapture(device: DeviceID(number: UInt64(id)), revision: revision, base: base)
        }
        let merger = Merger(
            store: fixture.store, head: base,
            round: RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: 9))
        let result = try #require(try merger.merge(given))
        #expect(try merger.merge(given.reversed()) == result, "the order in which captures arrive does not matter")
        var outcome = Outcome(files: [:], open: Set(result.conflicts.filter(\.isOpen).map { Self.name($0.path) }))
        for (path, bytes) in try fixture.files(result.revision) {
            let lines = String(decoding: bytes, as: UTF8.self)
            // Lines of a union come in the order of the devices.
            outcome.files[Self.name(path)] =
                Self.name(path).hasSuffix(".jsonl") ? lines.split(separator: "\n").sorted().joined() : lines
        }
        return (result, outcome)
    }

    private static func name(_ path: [UInt8]) -> String { String(decoding: path, as: UTF8.self) }

    private static let orders = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]]

    @Test(arguments: 0..<60)
    func `M5 other device ids: the same tree but for what stands in a conflict, and the same conflicts`(
        _ seed: UInt64
    ) throws {
        var random = SeededGenerator(seed: seed)
        var files: [String: String] = [:]
        for path in ["a", "b", "d/x", "e/f/g", "log.jsonl"] { files[path] = text(Array(0..<9)) }
        let base = try commit(files, [])
        let count = 2 + Int(random.below(2))
        let sides = (0..<count).map { _ in edited(files, &random) }
        let captures = try sides.map { try commit($0, [base]) }
        let (_, first) = try merge(base, captures, ids: Array(1...count))
        for order in Self.orders where count == 3 || order.prefix(2).max() == 2 {
            let (result, other) = try merge(base, captures, ids: Array(order.prefix(count)))
            #expect(other.open == first.open, "seed \(seed), order \(order)")
            let disputed = first.open
            let calm = { (files: [String: String]) in files.filter { !disputed.contains($0.key) } }
            #expect(calm(other.files) == calm(first.files), "seed \(seed), order \(order)")
            // Where there is a conflict, one whole version stands, and none is lost.
            // Of two captures: with a third, what stands may be put together with its lines.
            for conflict in result.conflicts where conflict.isOpen && count == 2 {
                let kept = [conflict.ours, conflict.theirs].compactMap { $0?.blob }
                #expect(!kept.isEmpty)
                let standing = try fixture.store.entry(fixture.store.tree(of: result.revision), conflict.path)
                if let standing, standing.mode != TreeObject.folder { #expect(kept.contains(standing.id.hex)) }
            }
        }
    }
}
