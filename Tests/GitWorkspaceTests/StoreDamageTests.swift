import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// What a power cut leaves of a store on a disk that does not keep its word.
@Suite struct StoreDamageTests {
    enum Damage: String, CaseIterable, Sendable {
        case emptyPack, cutPack, zeroedPack, emptyIndex, emptyObject, emptyRef
    }

    private func files(_ store: String, _ suffix: String) -> [String] {
        DurableFile.names(in: store + "/objects/pack").filter { $0.hasSuffix(suffix) }
            .map { "\(store)/objects/pack/\($0)" }
    }

    @Test func `GE19 an index that a killed repack left alone is no damage`() async throws {
        var mesh = try await MeshFixture(1)
        for step in 0..<3 {
            try mesh[0].write("f", "\(step)\n")
            try await mesh.round()
        }
        let store = mesh[0].workspace.store
        await mesh[0].workspace.close()
        let index = try #require(files(store.path, ".idx").first)
        let alone = store.path + "/objects/pack/pack-" + String(repeating: "a", count: 40) + ".idx"
        try FileManager.default.copyItem(atPath: index, toPath: alone)
        let again = try await MeshFixture.open(mesh[0].scratch, number: 0)
        #expect(again.workspace.store.damage.withLock { $0 } == nil)
        #expect(access(alone, F_OK) != 0)
    }

    private func size(_ path: String) -> Int { (try? Data(contentsOf: URL(fileURLWithPath: path)).count) ?? 0 }

    /// Damages every pack, or a loose object or a ref beside good packs.
    private func harm(_ store: Store, _ damage: Damage) async throws {
        let path = store.path
        switch damage {
        case .emptyPack: for pack in files(path, ".pack") { truncate(pack, 0) }
        case .cutPack: for pack in files(path, ".pack") { truncate(pack, size(pack) / 2) }
        case .zeroedPack:
            for pack in files(path, ".pack") {
                let (all, from) = (size(pack), size(pack) / 3)
                truncate(pack, from)
                truncate(pack, all)
            }
        case .emptyIndex: for index in files(path, ".idx") { truncate(index, 0) }
        case .emptyObject:
            // The newest pack as loose objects, all of them empty.
            let head = try #require(try store.ref(RefName.main))
            let tree = try store.tree(of: head)
            let loose = "\(path)/objects/\(tree.hex.prefix(2))"
            mkdir(loose, 0o755)
            _ = FileManager.default.createFile(atPath: "\(loose)/\(tree.hex.dropFirst(2))", contents: Data())
        case .emptyRef: truncate(path + "/" + RefName.base, 0)
        }
    }

    @Test(arguments: Damage.allCases)
    func `GE19 a store damaged by a power cut is set aside, made good from the files and a peer, and no byte is lost`(
        _ damage: Damage
    ) async throws {
        var mesh = try await MeshFixture(2) { number, scratch in
            for file in 0..<12 where number == 0 { try scratch.write("work/d\(file % 3)/f\(file)", "base \(file)\n") }
        }
        try await mesh.round()
        try mesh[0].write("d0/f0", "second\n")
        try await mesh.round()
        try mesh[1].write("d0/f3", "edited before the cut\n")
        _ = try await mesh[1].workspace.capture(round: mesh.nextRound())
        try mesh[1].write("mine", "new before the cut\n")
        await mesh[1].workspace.close()
        try await harm(mesh[1].workspace.store, damage)

        mesh.devices[1] = try await MeshFixture.open(mesh[1].scratch, number: 1)
        let again = mesh[1].workspace
        try await again.recover()
        #expect(again.store.damage.withLock { $0 } != nil)
        #expect(try again.store.git.runBlocking(["fsck", "--full", "--strict"], accepting: [0]).status == 0)
        #expect(mesh[1].scratch.exists("state/damaged-1.git"))
        try mesh[0].write("d1/f1", "changed meanwhile\n")
        let head = try #require(mesh.head)
        if await !again.has(head) { try await mesh.transfer(head, from: 0, to: 1) }
        for _ in 0..<3 where try await !mesh.round().isSilent {}
        let trees = try mesh.trees()
        #expect(trees[0] == trees[1])
        #expect(trees[0]["mine"] == "new before the cut\n" && trees[0]["d1/f1"] == "changed meanwhile\n")
        // Without the base it is two new files of one name; both versions are there.
        let store = mesh[0].workspace.store
        let kept = try store.refs(under: RefName.conflicts).flatMap { try store.list($0.id) }.compactMap(\.new)
        let versions = try kept.map { String(decoding: try store.blob($0.id), as: UTF8.self) }
        #expect(trees[0]["d0/f3"] == "edited before the cut\n" || versions.contains("edited before the cut\n"))
        #expect(trees[0]["d0/f0"] == "second\n")
        // A good store is left alone.
        await again.close()
        let third = try await MeshFixture.open(mesh[1].scratch, number: 1)
        #expect(third.workspace.store.damage.withLock { $0 } == nil)
    }
}
