import Consensus
import Locks
import Primitives
import Testing

@testable import DeviceCore

@Suite struct ReviewTests {
    private let devices = (1...3).map { DeviceID(number: $0) }
    private var state: MeshState
    private var number: UInt64 = 0

    init() {
        state = MeshState.founding(DeviceRecord(device: DeviceID(number: 1), name: "one", addresses: []))
        for (place, device) in devices.enumerated() {
            _ = apply(.putDevice(DeviceRecord(device: device, name: "device \(place)", addresses: [])))
        }
        _ = apply(.lock(.acquire(.sync, device: devices[0], ttl: .seconds(3), waits: false)))
    }

    @discardableResult
    private mutating func apply(_ operation: MeshOperation, by device: DeviceID? = nil) -> MeshChange {
        number += 1
        let request = RequestID(device: device ?? devices[0], incarnation: 1, number: number)
        return state.apply(
            MeshCommand(request: request, operation: operation), term: Term(1), voters: [devices[0]])
    }

    private func id(_ bits: UInt64) -> ShortID { ShortID(firstOf: [0, 0, 0, 0, UInt8(bits >> 8), UInt8(bits & 255)]) }

    private mutating func publish(_ conflicts: [UInt64], counted: UInt32? = nil) {
        let token = state.locks.grant(of: .sync)?.token ?? .none
        let publication = Publication(
            round: RoundID(token: token, sequence: number), old: state.head.revision, new: Revision(number: number + 1),
            conflicts: counted ?? UInt32(conflicts.count), opened: conflicts.map(id), holders: [devices[0]])
        #expect(apply(.publish(publication)).outcome.isPublished)
    }

    @Test func `M2 a publication opens its conflicts under numbers that are never used twice`() {
        var test = self
        test.publish([7, 9])
        #expect(test.state.conflicts.list.map(\.number) == [1, 2])
        #expect(test.state.conflicts.list.allSatisfy { $0.revision == test.state.head.revision && $0.round == 1 })
        #expect(test.apply(.review(.resolve(id(7), .both)), by: devices[1]).outcome == .done)
        test.publish([11])
        #expect(test.state.conflicts.list.map(\.number) == [2, 3] && test.state.conflicts.lastNumber == 3)
        #expect(test.state.conflicts[id(9)]?.round == 1)
    }

    @Test func `M8 the same pair of versions again is the conflict that is open already`() {
        var test = self
        test.publish([7])
        let before = test.state.conflicts
        test.publish([7, 7])
        #expect(test.state.conflicts == before)
        test.apply(.review(.resolve(id(7), .content)))
        test.publish([7])
        #expect(test.state.conflicts.list.map(\.number) == [2])
    }

    @Test func `M6 one answer counts, a later one is told so, a retry is answered as before`() {
        var test = self
        test.publish([7])
        let change = test.apply(.review(.resolve(id(7), .device(devices[2]))), by: devices[2])
        guard case .resolved(let closed, .device(devices[2]), by: devices[2])? = change.review else {
            Issue.record("no event: \(change)")
            return
        }
        #expect(closed.number == 1 && test.state.conflicts.list.isEmpty)
        let retried = MeshCommand(request: change.request, operation: .review(.resolve(id(7), .both)))
        #expect(test.state.apply(retried, term: Term(1), voters: devices).outcome == .done)
        #expect(test.apply(.review(.resolve(id(7), .both)), by: devices[1]).outcome == .refused(.notOpen))
    }

    @Test func `M2 what finds no room in the list is counted, and numbers do not overflow`() {
        var test = self
        let most = UInt64(Limits.openConflicts)
        test.publish(Array(0..<most), counted: UInt32(most) + 5)
        #expect(test.state.conflicts.list.count == Limits.openConflicts && test.state.conflicts.unlisted == 5)
        test.publish([most + 1, 3])
        #expect(test.state.conflicts.list.count == Limits.openConflicts && test.state.conflicts.unlisted == 7)
        for _ in 0..<40 { test.publish([], counted: .max) }
        #expect(test.state.conflicts.unlisted < 1 << 28)
        // What is stored is read again.
        let stored = test.state.conflicts
        #expect(
            OpenConflicts(list: stored.list, lastNumber: stored.lastNumber, unlisted: stored.unlisted) == stored)
        #expect(OpenConflicts(list: stored.list.reversed(), lastNumber: stored.lastNumber, unlisted: 0) == nil)
        #expect(OpenConflicts(list: stored.list, lastNumber: 3, unlisted: 0) == nil)
    }

    private func brake(_ device: Int, _ bits: UInt64, ofRound: Bool = false) -> DeletionBrake {
        DeletionBrake(device: devices[device], ofRound: ofRound, id: id(bits), deleted: 30, files: 40)
    }

    @Test func `A5 one word counts for the mesh, and for these very deletions alone`() {
        var test = self
        test.apply(.review(.brake(brake(1, 5))), by: devices[1])
        test.apply(.review(.brake(brake(2, 6, ofRound: true))), by: devices[2])
        #expect(test.state.brakes.map(\.allowedBy) == [nil, nil])
        #expect(test.apply(.review(.allowDeletions(id(9))), by: devices[0]).outcome == .refused(.notOpen))
        guard case .allowed(let allowed, by: devices[0])? = test.apply(.review(.allowDeletions(id(5)))).review else {
            Issue.record("no event")
            return
        }
        #expect(allowed.id == id(5) && test.state.brakes.map(\.allowedBy) == [devices[0], nil])
        // Asked again (after a restart, by another leader): the answer stands. Other deletions: another question.
        #expect(test.apply(.review(.brake(brake(1, 5))), by: devices[1]).review == nil)
        test.apply(.review(.brake(brake(0, 5, ofRound: true))))
        #expect(test.state.brakes.first?.allowedBy == devices[0])
        test.apply(.review(.brake(brake(1, 8))), by: devices[1])
        #expect(test.state.brakes.first { $0.device == devices[1] }?.allowedBy == nil)
        test.apply(.review(.lift(devices[1], ofRound: false)), by: devices[1])
        #expect(test.state.brakes.map(\.device) == [devices[0], devices[2]])
        test.apply(.removeDevice(devices[2]))
        #expect(test.state.brakes.map(\.device) == [devices[0]])
        #expect(test.apply(.review(.brake(brake(2, 1)))).outcome == .refused(.removedDevice))
    }
}
