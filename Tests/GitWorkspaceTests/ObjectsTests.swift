import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// Numbers that are the same in every run.
private struct Dice {
    var state: UInt64
    mutating func roll(_ sides: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % sides
    }
}

/// A store alone.
private struct StoreFixture {
    let scratch: Scratch
    let store: Store

    init(digits: Int = 40) async throws {
        scratch = try Scratch()
        let installation = try await HermeticGit.locate()
        store = try Store.open(state: scratch.path + "/state", installation: installation, digits: digits)
    }

    func git(_ arguments: String..., input: [UInt8] = [], accepting: [Int32] = [0]) throws -> [UInt8] {
        try store.git.runBlocking(arguments, from: .bytes(input), accepting: accepting).output
    }

    /// Random changes to a set of files in a few folders, a file now and then where a folder was.
    func change(_ files: inout [String: Version], _ dice: inout Dice, _ batch: ObjectBatch) throws -> [TreeLine] {
        var lines: [TreeLine] = []
        for _ in 0..<(1 + dice.roll(8)) {
            let names = ["a", "a.b", "a-b", "b", "c0", "z"]
            let path = (0...dice.roll(4)).map { _ in names[dice.roll(names.count)] }.joined(separator: "/")
            let isRemoved = files[path] != nil && dice.roll(3) == 0
            for known in files.keys where known.hasPrefix(path + "/") || path.hasPrefix(known + "/") || known == path {
                lines.append(TreeLine(path: Array(known.utf8), old: files[known], new: nil))
                files[known] = nil
            }
            if isRemoved { continue }
            let blob = try batch.add(.blob, Array("text \(dice.roll(50))\n".utf8))
            let mode = [TreeEntry.file, TreeEntry.executable, TreeEntry.link][dice.roll(3)]
            let version = Version(mode: mode, id: blob)
            files[path] = version
            lines.append(TreeLine(path: Array(path.utf8), old: nil, new: version))
        }
        // The last word on a path counts.
        var last: [Name: TreeLine] = [:]
        for line in lines { last[Name(line.path)] = line }
        return last.values.sorted { $0.path.lexicographicallyPrecedes($1.path) }
    }

    func commit(_ tree: ObjectID, _ parents: [Revision], _ batch: ObjectBatch) throws -> Revision {
        try batch.add(
            commit: ObjectBatch.Commit(
                tree: tree, parents: parents, author: "x <y>\n", email: "", seconds: 5, message: "m\n"))
    }

    func listing(_ tree: ObjectID) throws -> [TreeLine] {
        try store.list(tree).map { TreeLine(path: $0.path, old: nil, new: $0.new) }
            .sorted { $0.path.lexicographicallyPrecedes($1.path) }
    }
}

@Suite struct ObjectsTests {
    @Test(arguments: [40, 64]) func `what we write is what git would, and its fsck finds nothing`(digits: Int)
        async throws
    {
        let fixture = try await StoreFixture(digits: digits)
        let store = fixture.store
        var dice = Dice(state: 7)
        var files: [String: Version] = [:]
        var (tree, parent) = (store.emptyTree, [Revision]())
        for step in 0..<60 {
            let batch = ObjectBatch(store)
            let lines = try fixture.change(&files, &dice, batch)
            let before = tree
            tree = try TreeEdit(batch: batch).apply(lines, to: before)
            let revision = try fixture.commit(tree, parent, batch)
            try batch.finish(refs: [RefChange(name: RefName.main, new: ObjectID(revision))])
            parent = [revision]
            let expected = files.map { TreeLine(path: Array($0.key.utf8), old: nil, new: $0.value) }
                .sorted { $0.path.lexicographicallyPrecedes($1.path) }
            #expect(try fixture.listing(tree) == expected, "step \(step)")
            // The same by a staging index of git's.
            if step % 10 == 9 {
                let index = fixture.scratch.path + "/index\(step)"
                let git = store.git.with(["GIT_INDEX_FILE=\(index)"])
                let input = expected.flatMap { line -> [UInt8] in
                    guard let new = line.new else { return [] }
                    return Array("\(new.octalMode) \(new.id.hex)\t".utf8) + line.path + [0]
                }
                _ = try git.runBlocking(["update-index", "-z", "--index-info"], from: .bytes(input))
                let written = try git.runBlocking(["write-tree", "--missing-ok"]).output
                #expect(ObjectID(bytes: written.prefix(digits)) == tree)
            }
            var comparison = TreeComparison(ObjectBatch(store))
            #expect(try comparison.run(before, tree))
            let order = { (a: TreeLine, b: TreeLine) in a.path.lexicographicallyPrecedes(b.path) }
            let byGit = try fixture.git("diff-tree", "-r", "-z", "--no-renames", before.hex, tree.hex)
            #expect(byGit.split(separator: 0).count == comparison.lines.count * 2)
            let fields = byGit.split(separator: 0).enumerated().filter { $0.offset % 2 == 1 }.map { Array($0.element) }
            #expect(
                fields.sorted { $0.lexicographicallyPrecedes($1) } == comparison.lines.sorted(by: order).map(\.path))
        }
        #expect(try fixture.git("fsck", "--strict", "--full").isEmpty)
        #expect(try store.ref(RefName.main) == parent.first)
        let shown = String(decoding: try fixture.git("rev-parse", RefName.main), as: UTF8.self)
        #expect(shown.hasPrefix(parent[0].hex))
    }

    @Test func `a merge in memory is the one that git makes wherever nobody has to choose`() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        var dice = Dice(state: 11)
        var clean = 0
        for _ in 0..<60 {
            let batch = ObjectBatch(store)
            var files: [String: Version] = [:]
            let base = try TreeEdit(batch: batch).apply(fixture.change(&files, &dice, batch), to: store.emptyTree)
            let root = try fixture.commit(base, [], batch)
            var sides: [(tree: ObjectID, revision: Revision)] = []
            for _ in 0..<2 {
                var changed = files
                let tree = try TreeEdit(batch: batch).apply(fixture.change(&changed, &dice, batch), to: base)
                sides.append((tree, try fixture.commit(tree, [root], batch)))
            }
            try batch.finish()
            let output = try store.git.runBlocking(
                ["merge-tree", "--write-tree", "-z", "--no-messages", sides[0].revision.hex, sides[1].revision.hex],
                accepting: [0, 1])
            let merging = ObjectBatch(store)
            var merge = TreeMerge(merging, theirsDevice: DeviceID(number: 2))
            let tree = try merge.run(base: base, ours: sides[0].tree, theirs: sides[1].tree)
            try merging.finish()
            #expect((output.status == 0) == merge.conflicts.isEmpty)
            guard output.status == 0 else { continue }
            clean += 1
            #expect(ObjectID(bytes: output.output.prefix(40)) == tree)
        }
        #expect(clean > 10)
        #expect(try fixture.git("fsck", "--strict", "--no-dangling").isEmpty)
    }

    @Test func `only names that nothing takes for git's are plain`() {
        let plain = [
            "a", ".gitignore", ".github", "Äöü", "日本", "a b", "-x", "...",
            ".git-x".replacingOccurrences(of: "git-", with: "x"),
        ]
        for name in plain { #expect(PlainObject.isPlainName(Array(name.utf8)), "\(name)") }
        let odd = [
            "", ".", "..", ".git", ".GIT", ".Git ", ".git.", ".gitmodules", ".GitModules", "git~1", "GI7EBA~1", "a/b",
            "a\\b", "a:b", ".g\u{200C}it", "\u{FEFF}.git", ".gi\u{206F}t", "a\0b",
        ]
        for name in odd { #expect(!PlainObject.isPlainName(Array(name.utf8)), "\(name)") }
    }

    private func tree(_ items: [(UInt32, String)]) -> StoredObject {
        let id = ObjectID(hex: String(repeating: "1a", count: 20)) ?? .zero
        let lines = items.map { TreeItem(name: Array($0.1.utf8), version: Version(mode: $0.0, id: id)) }
        return StoredObject(kind: .tree, bytes: TreeObject.encode(lines))
    }

    @Test func `objects with any oddity are left to git`() {
        func isPlain(_ object: StoredObject) -> Bool { PlainObject.isPlain(object, digits: 40) }
        #expect(isPlain(tree([(0o100644, "a"), (0o100755, "b"), (0o120000, "c"), (0o40000, "d"), (0o160000, "e")])))
        #expect(!isPlain(tree([(0o100644, "b"), (0o100644, "a")])), "order")
        #expect(!isPlain(tree([(0o100644, "a"), (0o100644, "a")])), "twice")
        #expect(!isPlain(tree([(0o100644, "a"), (0o40000, "a")])), "file and folder")
        #expect(!isPlain(tree([(0o100664, "a")])), "mode")
        #expect(!isPlain(tree([(0o40000, ".git")])), "name")
        var padded = tree([(0o40000, "a")])
        padded.bytes.insert(48, at: 0)
        #expect(!isPlain(padded), "a zero before the mode")
        var null = tree([(0o100644, "a")])
        null.bytes.replaceSubrange(null.bytes.count - 20..<null.bytes.count, with: [UInt8](repeating: 0, count: 20))
        #expect(!isPlain(null), "no id")
        func commit(_ text: String) -> Bool { isPlain(StoredObject(kind: .commit, bytes: Array(text.utf8))) }
        let id = String(repeating: "1a", count: 20)
        let person = "A <a@b> 1 +0000"
        #expect(commit("tree \(id)\nparent \(id)\nauthor \(person)\ncommitter \(person)\n\ntext\n"))
        for odd in [
            "", "tree \(id)\n", "tree \(id.dropLast())\nauthor \(person)\ncommitter \(person)\n\n",
            "tree \(id)\nauthor \(person)\nauthor \(person)\ncommitter \(person)\n\n",
            "tree \(id)\nauthor \(person)\ncommitter \(person)\ngpgsig x\n\n",
            "tree \(id)\nauthor A<a@b> 1 +0000\ncommitter \(person)\n\n",
            "tree \(id)\nauthor A <a@b> 01 +0000\ncommitter \(person)\n\n",
            "tree \(id)\nauthor A <a<b> 1 +0000\ncommitter \(person)\n\n",
            "tree \(id)\nauthor A <a@b> 1 0000\ncommitter \(person)\n\n",
            "tree \(id)\nauthor \(person)\ncommitter \(person)\n\na\0b",
        ] { #expect(!commit(odd), "\(odd)") }
    }

    @Test func `a pack is read however it comes in pieces, and damage is left to git`() throws {
        var pack = PackFile(digits: 40)
        var ids: [ObjectID] = []
        for number in 0..<20 {
            let object = StoredObject(
                kind: .blob, bytes: (0..<number * 37).map { UInt8(truncatingIfNeeded: $0 * number) })
            ids.append(try object.id(digits: 40))
            try pack.add(ids[number], object)
        }
        let bytes = try pack.bytes()
        for piece in [1, 7, 64, bytes.count] {
            var reading = PackReading(digits: 40)
            var last = PackReading.Progress.more
            for start in stride(from: 0, to: bytes.count, by: piece) {
                guard case .more = last else { break }
                last = try reading.take(Array(bytes[start..<min(start + piece, bytes.count)]))
            }
            guard case .whole = last else {
                Issue.record("pieces of \(piece) came to \(last)")
                continue
            }
            #expect(reading.objects.map(\.id) == ids)
        }
        var wholes = 0
        for offset in bytes.indices {
            var damaged = bytes
            damaged[offset] ^= 0x10
            var reading = PackReading(digits: 40)
            if case .whole = try reading.take(damaged) { wholes += 1 }
        }
        #expect(wholes == 0)
    }

    @Test func `refs of ours are git's own files, and packed refs are git's to move`() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        let batch = ObjectBatch(store)
        let first = try fixture.commit(batch.add(tree: []), [], batch)
        let second = try fixture.commit(batch.add(tree: []), [first], batch)
        try batch.finish()
        let name = RefName.prefix + "deep/er/x"
        try store.update([
            RefChange(name: name, new: ObjectID(first)), RefChange(name: RefName.main, new: ObjectID(second)),
        ])
        #expect(try store.ref(name) == first)
        #expect(try store.ref(RefName.main) == second)
        _ = try fixture.git("pack-refs", "--all")
        #expect(try store.ref(name) == first)
        try store.update([RefChange(name: name, new: ObjectID(second)), RefChange(name: RefName.main, new: nil)])
        #expect(try store.ref(name) == second)
        #expect(try store.ref(RefName.main) == nil)
        #expect(try fixture.git("for-each-ref", "--format=%(refname)") == Array((name + "\n").utf8))
        // A lock that another holds is waited for, not broken.
        unlink(store.path + "/packed-refs")
        let lock = "\(store.path)/\(RefName.base).lock"
        close(open(lock, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: GitError.self) { try store.update([RefChange(name: RefName.base, new: ObjectID(first))]) }
        #expect(access(lock, F_OK) == 0)
        #expect(try store.ref(RefName.base) == nil)
    }

    @Test func `U4 packs of many rounds are rolled up, while others read and write, and no object is dropped`()
        async throws
    {
        let fixture = try await StoreFixture()
        let store = fixture.store
        var made: [ObjectID] = []
        func add(_ number: Int) throws {
            let batch = ObjectBatch(store)
            made.append(try batch.add(.blob, Array("unreferenced \(number)\n".utf8)))
            try batch.finish()
        }
        for number in 0..<Limits.storePacks { try add(number) }
        #expect(try store.rollUpPacks(deadline: .seconds(60), cancellation: Cancellation()) == nil)
        try add(-1)
        async let rolled = BlockingThread.run { cancellation throws(GitError) in
            try store.rollUpPacks(deadline: .seconds(60), cancellation: cancellation)
        }
        for number in 100..<120 { try add(number) }
        let report = try #require(try await rolled)
        #expect(report.packsBefore > Limits.storePacks && report.packsAfter <= 25)
        for id in made { #expect(try store.reader.info(id.hex)?.type == "blob") }
        #expect(try fixture.git("fsck", "--strict", "--no-dangling").isEmpty)
    }
}
