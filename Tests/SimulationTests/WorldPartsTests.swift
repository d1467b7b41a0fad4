import Primitives
import Testing

@testable import Simulation

@Suite struct WorldPartsTests {
    @Test func `events come out by time, and equal times in the order in which they went in`() {
        var queue = EventQueue<Int>()
        var draw = KeyedStream(seed: 1, .plan)
        var expected: [(time: Int64, number: Int)] = []
        for number in 0..<500 {
            let time = Int64(draw.below(60))
            queue.push(number, at: TrueTime(time))
            expected.append((time, number))
        }
        expected.sort { ($0.time, $0.number) < ($1.time, $1.number) }
        var seen: [Int] = []
        while let next = queue.pop() { seen.append(next.payload) }
        #expect(seen == expected.map(\.number))
    }

    @Test func `a draw depends on its own key alone`() {
        var one = KeyedStream(seed: 7, .delay, entity: 3)
        var other = KeyedStream(seed: 7, .loss, entity: 3)
        let first = (0..<5).map { _ in one.next() }
        _ = other.next()
        var again = KeyedStream(seed: 7, .delay, entity: 3)
        #expect((0..<5).map { _ in again.next() } == first)
        #expect(other.next() != first[1])
    }

    @Test func `one clock counts suspend, one stops, both at the device's own rate`() {
        var clock = NodeClock(rate: 1_100_000, origin: .seconds(5))
        #expect(clock.local(at: TrueTime(.seconds(10))) == .seconds(16))
        clock.suspend(at: TrueTime(.seconds(10)))
        #expect(clock.awake(at: TrueTime(.seconds(20))) == .seconds(16))
        clock.setRate(1_000_000, at: TrueTime(.seconds(20)))
        clock.wake(at: TrueTime(.seconds(30)))
        #expect(clock.local(at: TrueTime(.seconds(30))) == .seconds(37))
        #expect(clock.awake(at: TrueTime(.seconds(31))) == .seconds(17))
        #expect(clock.trueTime(of: .seconds(40)) == TrueTime(.seconds(33)))
    }

    @Test func `hours of local time do not overflow`() {
        let clock = NodeClock(rate: 3_000_000, origin: 0)
        let day = TrueTime(.hours(24))
        #expect(clock.local(at: day) == .hours(72))
        #expect(clock.trueTime(of: .hours(72)) == day)
    }

    @Test func `a merge keeps both sides, takes an edit over a deletion, and is the head if nothing is new`() {
        var store = RevisionStore(paths: 3)
        let (a, b, c) = (
            store.newVersion(path: 0, node: 0), store.newVersion(path: 0, node: 1), store.newVersion(path: 1, node: 1)
        )
        let base = store.add(parents: [], tree: [a, 0, a])
        let one = store.add(parents: [base], tree: [b, 0, 0])
        let other = store.add(parents: [base], tree: [c, c, b])
        let merged = store.merge(head: base, captures: [(one, base), (other, base)])
        #expect(store.tree(merged.revision) == [b, c, b])
        #expect(merged.conflicts == 1)
        store.publish(merged.revision)
        #expect(store.isPublished(version: c) && store.isPublished(version: b))
        #expect(store.merge(head: merged.revision, captures: [(one, base)]).revision == merged.revision)
    }

    @Test func `an apply keeps a late edit and replaces the rest`() {
        var store = RevisionStore(paths: 2)
        let versions = (0..<3).map { _ in store.newVersion(path: 0, node: 0) }
        let target = store.add(parents: [], tree: [versions[0], versions[0]])
        var workspace = Workspace(tree: store.emptyTree)
        workspace.receive(target, durably: true, store)
        workspace.beginApply(Self.round, target, store)
        workspace.write(1, versions[2])
        while workspace.applyOne(store) != nil, workspace.applying?.rest.isEmpty == false {}
        let done = workspace.endApply(store)
        #expect(done?.late == 1)
        #expect(workspace.tree == [versions[0], versions[2]])
        #expect(workspace.pendingFiles(store) == 1)
    }

    @Test(arguments: [true, false])
    func `a journal is finished or undone as a whole`(finishing: Bool) {
        var store = RevisionStore(paths: 3)
        let version = store.newVersion(path: 0, node: 0)
        let target = store.add(parents: [], tree: [version, version, version])
        var workspace = Workspace(tree: store.emptyTree)
        workspace.receive(target, durably: true, store)
        workspace.beginApply(Self.round, target, store)
        _ = workspace.applyOne(store)
        workspace.crash(power: true)
        workspace.recover(finishing: finishing, store)
        #expect(workspace.tree == (finishing ? store.tree(target) : store.emptyTree))
        #expect(workspace.base == (finishing ? target : nil))
    }

    @Test func `a capture reads one half first and the other last`() {
        let store = RevisionStore(paths: 4)
        var workspace = Workspace(tree: store.emptyTree)
        workspace.beginCapture(Self.round, behind: GateModel())
        for path in 0..<4 { workspace.write(path, 1) }
        #expect(workspace.endCapture() == [0, 0, 1, 1])
    }

    @Test func `a gate that a newer round takes over counts its pause from the first closing`() {
        var gate = GateModel()
        gate.close(Self.round, limit: .seconds(8), from: .start, local: 0, awake: 0)
        let next = RoundID(token: Self.round.token, sequence: 2)
        gate.close(next, limit: .seconds(400), from: .start, local: .seconds(5), awake: .seconds(5))
        #expect(gate.closed?.since == 0)
        #expect(gate.closed?.deadline == .seconds(300))
        #expect(gate.open(Self.round) == nil)
        #expect(gate.open(next) != nil)
        #expect(gate.isOpen)
    }

    static let round = RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: 1)
}
