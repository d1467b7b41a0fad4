// The fields have the names that they have in JSON.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import ControlSocket
import DeviceCore
import Primitives

extension ControlCall {
    /// `RecoverCall` -> `RecoverReport`. Without `isConfirmed` nothing is done.
    package static let recover = "recover"
}

package struct RecoverCall: Codable, Hashable, Sendable {
    /// False: only what it would come to.
    package var isConfirmed: Bool
    /// Also if enough voters answer.
    package var isForced: Bool
    /// As the report had it that the person has read.
    package var last_index: UInt64?

    package init(isConfirmed: Bool, isForced: Bool, last_index: UInt64? = nil) {
        self.isConfirmed = isConfirmed
        self.isForced = isForced
        self.last_index = last_index
    }
}

/// What a recovery goes on from and gives up, or did.
package struct RecoverReport: Codable, Hashable, Sendable {
    package struct Lost: Codable, Hashable, Sendable {
        package var id: String
        package var name: String
        package var votes: Bool
        package var last_seen_s: Double?
    }

    package var schema = "baton.recover/1"
    /// The epoch that the mesh is in now.
    package var epoch: String
    /// True: it was begun by this call, and is on the disk.
    package var is_done: Bool
    package var device: String
    package var voters: Int
    package var present: Int
    /// Members that do not answer.
    package var lost: [Lost]
    /// Devices of another recovery of the same number.
    package var rivals: [String]
    package var round: UInt64
    package var head: String?
    /// False: this device's log names a newer head than `head`, whose files were never here.
    package var holds_head: Bool
    /// How long ago a round ended well here.
    package var age_s: Double?
    /// Why it is not needed; nil if the quorum is lost.
    package var refusal: String?
    package var last_index: UInt64
}

extension AgentHandler {
    /// Nil: the call is no such call.
    func recovery(_ kind: String, _ body: [UInt8]) async throws -> [UInt8]? {
        guard kind == ControlCall.recover else { return nil }
        let call = try ControlJSON.decode(RecoverCall.self, from: body)
        let view = agent.loop.read { $0.recoveryView }
        let head = await agent.headToGoOnFrom(view)
        var report = await agent.report(view, head: head)
        guard call.isConfirmed else { return try ControlJSON.encode(report) }
        if let last = call.last_index, last != view.lastIndex.number { throw failure(.logMoved) }
        if report.refusal != nil, !call.isForced {
            throw failure(.quorumLives(leader: view.leader, answering: view.present))
        }
        switch await agent.loop.ask(.recover(try await order(view, head, isForced: call.isForced))) {
        case .recovered(let epoch):
            report.epoch = "\(epoch)"
            report.is_done = true
            report.refusal = nil
            return try ControlJSON.encode(report)
        case .recoveryRefused(let refusal): throw failure(refusal)
        case .failed(let why): throw ControlFailure(code: ExitCode.failed, message: why, hint: "see: baton status")
        case .synced, .handedOff, .handoffRefused, .granted, .lost, .lockRefused, .done, .refused, .noQuorum, .noLeader:
            throw Self.unexpected
        }
    }

    private func order(_ view: RecoveryView, _ head: Revision?, isForced: Bool) async throws -> RecoveryOrder {
        var generator = SystemRandomNumberGenerator()
        var order = RecoveryOrder(
            draw: .random(in: Epoch.draws, using: &generator), lastIndex: view.lastIndex, head: head,
            isForced: isForced)
        guard let after = try await takeHub(view, published: head, isForced: isForced) else { return order }
        // No leader of the old epoch can push any more: there is no way back, whoever came back meanwhile.
        let now = agent.loop.read { $0.recoveryView }
        (order.lastIndex, order.head) = (now.lastIndex, await agent.headToGoOnFrom(now))
        (order.isForced, order.after) = (true, after)
        return order
    }

    private func failure(_ refusal: RecoveryRefusal) -> ControlFailure {
        switch refusal {
        case .notAMember:
            ControlFailure(
                code: ExitCode.noMesh, message: "this device is no member of a mesh that could be recovered",
                hint: "join one: baton join")
        case .quorumLives:
            ControlFailure(
                code: ExitCode.notAllowed, message: "not recovered: \(agent.words(refusal) ?? "")",
                hint: "see: baton status; only if this device's state must win over theirs: baton recover --force")
        case .logMoved:
            ControlFailure(
                code: ExitCode.tryAgain, message: "the mesh went on while you were asked", hint: "see: baton status")
        case .stopping:
            ControlFailure(code: ExitCode.tryAgain, message: "the agent is about to end", hint: "baton up")
        case .noEpochLeft:
            ControlFailure(
                code: ExitCode.failed, message: "the mesh has no further epoch", hint: "found a new one: baton init")
        }
    }
}

extension AgentParts {
    /// The newest published revision that is whole here: the log may name one whose files never arrived, and after a
    /// start without a quorum the tree may be ahead of what the log is known to hold.
    func headToGoOnFrom(_ view: RecoveryView) async -> Revision? {
        let base = await workspace.publishedBase()
        guard let head = view.head, await workspace.holds(head) else { return base }
        guard let base, base != head else { return head }
        return await workspace.precedes(head, base) ? base : head
    }

    func report(_ view: RecoveryView, head: Revision?) async -> RecoverReport {
        let status = await status()
        let lost = view.absent.map { device in
            RecoverReport.Lost(
                id: device.description, name: audit.name(of: device), votes: view.voters.contains(device),
                last_seen_s: status.devices.first { $0.id == device.description }?.last_seen_s)
        }
        let lives = view.leader != nil || view.present.count > view.voters.count / 2
        let refusal = RecoveryRefusal.quorumLives(leader: view.leader, answering: view.present)
        return RecoverReport(
            epoch: "\(view.epoch)", is_done: false, device: audit.name(of: identity.id), voters: view.voters.count,
            present: view.present.count, lost: lost, rivals: view.rivals.map(audit.name(of:)), round: view.round,
            head: head?.hex, holds_head: head == view.head || view.head == nil, age_s: status.sync.age_s,
            refusal: lives ? words(refusal) : nil, last_index: view.lastIndex.number)
    }

    /// Why it is not needed.
    func words(_ refusal: RecoveryRefusal) -> String? {
        guard case .quorumLives(let leader, let answering) = refusal else { return nil }
        if let leader { return "the mesh has a quorum, led by \(audit.name(of: leader))" }
        let names = answering.map(audit.name(of:)).joined(separator: ", ")
        return "enough voters answer to elect a leader (\(names))"
    }
}
