import Primitives
import SyncRounds
import Testing

@testable import DeviceCore

/// An undo as the mesh sees it: asked for anywhere, done by the sync leader in a round of its own.
@Suite struct UndoTests {
    private func published(_ mesh: MiniMesh, _ tag: UInt64) -> RoundOutcome? {
        guard case .synced(let outcome) = mesh.reply(to: tag), case .published = outcome.result else { return nil }
        return outcome
    }

    @Test(arguments: 0..<3)
    func `U1 an undo asked for on any device is a round, though nothing was changed`(asking: Int) throws {
        var mesh = DeviceTests.ready(3)
        mesh.write(42, on: 1)
        mesh.give(.request(tag: 1, .sync), to: 0)
        mesh.run(.seconds(5)) { $0.reply(to: 1) != nil }
        let first = try #require(published(mesh, 1))
        let head = try #require(mesh.nodes[0].device.state.head.revision)
        mesh.give(.request(tag: 2, .undo(UndoTarget(number: first.number, revision: head))), to: asking)
        mesh.run(.seconds(5)) { $0.reply(to: 2) != nil }
        let second = try #require(published(mesh, 2))
        #expect(second.number == first.number + 1)
        guard case .published(let report) = second.result else { return }
        #expect(report.undo == UndoReport(number: first.number, restoredFiles: 1))
        #expect(Set(mesh.nodes.map(\.tree)) == [first.number])
    }

    @Test func `U1 undos of two rounds are two rounds, and a sync beside them is answered by the first`() throws {
        var mesh = DeviceTests.ready(3)
        for tree: UInt64 in [41, 42] {
            mesh.write(tree, on: 1)
            mesh.give(.request(tag: tree, .sync), to: 0)
            mesh.run(.seconds(5)) { $0.reply(to: tree) != nil }
        }
        let head = try #require(mesh.nodes[0].device.state.head.revision)
        let before = mesh.nodes[0].device.state.head.number
        mesh.give(.request(tag: 1, .undo(UndoTarget(number: 7, revision: head))), to: 0)
        mesh.give(.request(tag: 2, .undo(UndoTarget(number: 8, revision: head))), to: 0)
        mesh.give(.request(tag: 3, .sync), to: 0)
        mesh.run(.seconds(10)) { mesh in (1...3).allSatisfy { mesh.reply(to: $0) != nil } }
        let numbers = [1, 2, 3].compactMap { published(mesh, $0)?.number }
        #expect(Set(numbers) == [before + 1, before + 2])
        var undone: [UInt64] = []
        for tag: UInt64 in [1, 2] {
            guard case .published(let report) = published(mesh, tag)?.result else { continue }
            undone.append(report.undo?.number ?? 0)
        }
        #expect(undone == [7, 8])
    }
}
