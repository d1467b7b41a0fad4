import CSystemCalls
import Foundation
import Glibc
import Logging
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct WatchTests {
    private func watched() async throws -> MeshFixture {
        let mesh = try await MeshFixture(1) { _, scratch in
            for number in 0..<60 { try scratch.write("work/d\(number % 6)/e\(number % 3)/f\(number)", "\(number)\n") }
        }
        let logger = Logger(label: "test")
        await mesh[0].workspace.watch(by: WorkspaceWatcher(root: mesh[0].root, logger: logger))
        return mesh
    }

    /// Every file on disk, as git sees it.
    private func onDisk(_ root: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root).sorted().compactMap { name -> String? in
            var raw = stat()
            guard !name.hasPrefix(".git/"), lstat(root + "/" + name, &raw) == 0, raw.st_mode & S_IFMT == S_IFREG else {
                return nil
            }
            let mode = raw.st_mode & S_IXUSR != 0 ? "755" : "644"
            let bytes = FileManager.default.contents(atPath: root + "/" + name) ?? Data()
            return "\(name) \(mode) \(String(decoding: bytes, as: UTF8.self))"
        }
    }

    private func captured(_ workspace: Workspace, _ revision: Revision) throws -> [String] {
        let store = workspace.store
        return try store.list(store.tree(of: revision)).compactMap { line in
            guard let new = line.new else { return nil }
            let text = String(decoding: try store.blob(new.id), as: UTF8.self)
            return "\(String(decoding: line.path, as: UTF8.self)) \(new.mode == TreeEntry.file ? "644" : "755") \(text)"
        }.sorted()
    }

    private func capture(_ mesh: inout MeshFixture) async throws -> Revision? {
        try await mesh[0].workspace.capture(round: mesh.nextRound()).revision
    }

    @Test func `C2 a capture that looks only where something changed is as exact as one that looks everywhere`()
        async throws
    {
        var mesh = try await watched()
        let (root, workspace) = (mesh[0].root, mesh[0].workspace)
        let files = FileManager.default
        var state: UInt64 = 5
        func roll(_ sides: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % sides
        }
        func folder() -> String { ["d\(roll(7))", "d\(roll(7))/e\(roll(4))", "d\(roll(7))/e\(roll(4))/new"][roll(3)] }
        #expect(try await capture(&mesh) != nil)
        for step in 0..<40 {
            for _ in 0..<(1 + roll(6)) {
                let path = "\(folder())/f\(roll(60))"
                switch roll(7) {
                case 0: try? files.removeItem(atPath: root + "/" + path)
                case 1: try? files.moveItem(atPath: root + "/" + folder(), toPath: root + "/d\(roll(7))/moved\(step)")
                case 2: try? files.removeItem(atPath: root + "/" + folder())
                case 3: chmod(root + "/" + path, roll(2) == 0 ? 0o755 : 0o644)
                case 4 where !files.fileExists(atPath: root + "/" + path):
                    try? files.createDirectory(atPath: root + "/" + path, withIntermediateDirectories: true)
                default: try? mesh[0].write(path, "\(step) \(roll(1000))\n")
                }
            }
            _ = try await workspace.dirt()
            guard var revision = try await capture(&mesh) else { continue }
            #expect(try captured(workspace, revision) == onDisk(root), "step \(step)")
            if step % 7 == 6 {
                let deletions = await workspace.heldDeletions
                if let deletions {
                    #expect(try await workspace.allowDeletions(deletions.id))
                    revision = try #require(try await capture(&mesh))
                }
                let merge = try await workspace.merge(
                    head: mesh.head,
                    captures: [.init(device: DeviceID(number: 1), revision: revision, base: workspace.base)],
                    round: mesh.nextRound(), allowed: Set([deletions?.id].compactMap { $0 }))
                mesh.head = merge.revision
                let round = mesh.nextRound()
                try await workspace.stage(merge.revision, round: round)
                let result = try await workspace.apply(merge.revision, round: round)
                #expect(result.isComplete, "step \(step): \(result)")
            }
        }
        let whole = await workspace.wholeScans
        #expect(whole == 1, "only the first looked everywhere")
    }

    @Test func `C2 a rule file or a queue that ran over makes the next capture look everywhere`() async throws {
        var mesh = try await watched()
        let workspace = mesh[0].workspace
        #expect(try await capture(&mesh) != nil)
        try mesh[0].write("d1/log.tmp", "x")
        try mesh[0].write("d1/.gitignore", "*.tmp\n")
        try mesh[0].write("d2/log.tmp", "x")
        let first = try #require(try await capture(&mesh))
        let names = try captured(workspace, first).map { String($0.prefix { $0 != " " }) }
        #expect(!names.contains("d1/log.tmp") && names.contains("d2/log.tmp") && names.contains("d1/.gitignore"))
        try mesh[0].write(".gitignore", "*.bak\n")
        try mesh[0].write("d3/x.bak", "x")
        let before = await workspace.wholeScans
        let second = try #require(try await capture(&mesh))
        #expect(try !captured(workspace, second).contains { $0.hasPrefix("d3/x.bak") })
        #expect(await workspace.wholeScans == before + 1)
        mesh[0].scratch.remove("work/.gitignore")
        let third = try #require(try await capture(&mesh))
        #expect(try captured(workspace, third).contains { $0.hasPrefix("d3/x.bak") })
    }

    @Test func `C3 a file that was held back is looked at again although nothing is heard of it`() async throws {
        var mesh = try await watched()
        #expect(try await capture(&mesh) != nil)
        chmod(mesh[0].root + "/d1/e1/f1", 0o000)
        if access(mesh[0].root + "/d1/e1/f1", R_OK) == 0 { return }
        _ = try await capture(&mesh)
        let again = try await mesh[0].workspace.capture(round: mesh.nextRound())
        #expect(again.held.map(\.path) == [Array("d1/e1/f1".utf8)])
    }

    @Test func `W1 a scan tells what was deleted and when it was heard to go, once`() async throws {
        var mesh = try await watched()
        let (root, workspace) = (mesh[0].root, mesh[0].workspace)
        try await mesh.round()
        _ = await workspace.takeWrites()
        let before = csystem_file_clock_nanoseconds()
        #expect(unlink(root + "/d1/e1/f1") == 0 && rename(root + "/d2", root + "/../d2") == 0)
        _ = try await workspace.dirt()
        let writes = await workspace.takeWrites()
        let after = csystem_file_clock_nanoseconds()
        #expect(writes.count == 11 && writes.allSatisfy { (before...after).contains($0.at) })
        #expect(writes.contains { $0.path == Array("d1/e1/f1".utf8) })
        _ = try await workspace.dirt()
        #expect(await workspace.takeWrites().isEmpty)
    }

    @Test func `a watcher hears of every folder, also of new ones and those with odd names`() async throws {
        let scratch = try Scratch()
        let root = scratch.path + "/work"
        mkdir(root, 0o755)
        let watcher = WorkspaceWatcher(root: root, logger: Logger(label: "test"))
        #expect(watcher.take().everything != nil)
        #expect(watcher.take() == WatchedChanges())
        try scratch.write(Array("work/a/b/c".utf8), [1])
        #expect(watcher.take().folders.isSuperset(of: [[], Array("a".utf8), Array("a/b".utf8)]))
        try scratch.write(Array("work/a/".utf8) + [0xFF, 10] + Array("/c".utf8), [1])
        #expect(watcher.take().folders.contains(Array("a/".utf8) + [0xFF, 10]))
        try scratch.write(Array("work/a/".utf8) + [0xFF, 10] + Array("/c".utf8), [2])
        #expect(watcher.take().folders == [Array("a/".utf8) + [0xFF, 10]])
        try scratch.write("work/.git/x", "")
        #expect(watcher.take().folders.allSatisfy { !$0.starts(with: Array(".git".utf8)) })
    }
}
