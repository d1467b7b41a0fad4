import DeviceCore
import Identity
import Logging
import MeshTransport
import Primitives
import Storage
import Synchronization
import WireProtocol

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where a device with an invite becomes a member: checks the secret, has the log take the device in, answers.
final class JoinDesk: Sendable {
    private let identity: DeviceIdentity
    private let store: DeviceStore
    private let loop: DeviceLoop
    private let audit: AuditTrail
    private let logger: Logger
    private let book = Mutex(InviteBook())

    init(identity: DeviceIdentity, store: DeviceStore, loop: DeviceLoop, audit: AuditTrail, logger: Logger) {
        self.identity = identity
        self.store = store
        self.loop = loop
        self.audit = audit
        self.logger = logger
    }

    /// A new invite. Invites live in memory alone: a restart of the agent burns them.
    func invite(addresses: [String], for lifetime: Duration) throws -> Invite {
        var generator = SystemRandomNumberGenerator()
        let secret = InviteSecret(using: &generator)
        let now = DeviceLoop.now
        let refusal = book.withLock { book -> InviteRefusal? in
            do throws(InviteRefusal) { try book.open(secret, for: lifetime, at: now) } catch { return error }
            return nil
        }
        if let refusal { throw refusal }
        let expires = UInt64(time(nil)) + UInt64(lifetime.components.seconds)
        audit.add("invite", "an invite was made, for \(lifetime.components.seconds) s")
        return try Invite(
            secret: secret, pin: identity.id, meshID: store.mesh.mesh,
            addresses: Array(addresses.prefix(Limits.inviteAddresses)), expires: expires)
    }

    /// Answers one join request; nil closes the connection without a word.
    func answer(_ joiner: DeviceID, _ request: [UInt8]) async -> [UInt8]? {
        let reply: JoinReply
        do throws(WireError) {
            let decoded = try JoinCodec.decodeRequest(request)
            reply = await decide(joiner, decoded)
        } catch {
            logger.notice("a join request without sense", metadata: ["reason": "\(error)"])
            reply = .refused(.other, error.message)
        }
        return try? JoinCodec.encode(reply)
    }

    private func decide(_ joiner: DeviceID, _ request: JoinRequest) async -> JoinReply {
        guard let secret = InviteSecret(bytes: request.secret) else {
            return .refused(.secret, "the secret is malformed")
        }
        let now = DeviceLoop.now
        let refusal = book.withLock { book -> InviteRefusal? in
            do throws(InviteRefusal) { try book.redeem(secret, by: joiner, at: now) } catch { return error }
            return nil
        }
        if let refusal {
            audit.add("join-refused", "\(joiner.short) may not join: \(refusal.message)")
            return .refused(Self.code(refusal), words(refusal))
        }
        let checkWords = CheckWords.words(joiner, identity.id, secretHash: secret.hash).joined(separator: " ")
        let outcome = await admit(joiner, request, checkWords: checkWords)
        if case .refused = outcome { book.withLock { $0.giveBack(secret, by: joiner, at: DeviceLoop.now) } }
        return outcome
    }

    private func admit(_ joiner: DeviceID, _ request: JoinRequest, checkWords: String) async -> JoinReply {
        let name = loop.read { device in
            Self.freeName(request.name, for: joiner, among: device.state.devices)
        }
        let record = DeviceRecord(device: joiner, name: name, addresses: request.addresses)
        switch await loop.ask(.putDevice(record)) {
        case .done: break
        case .refused(.removedDevice): return .refused(.removed, "this device's key was removed from the mesh for good")
        case .refused(.limitReached): return .refused(.full, "the mesh has \(Limits.devices) devices already")
        case .refused(.nameTaken): return .refused(.nameTaken, "the name \(name) is taken")
        case .noQuorum, .noLeader: return .refused(.noQuorum, "no quorum can be reached to take the device in")
        case .synced, .handedOff, .handoffRefused, .granted, .lost, .lockRefused, .refused(.noHub), .refused(.notOpen),
            .failed, .recovered, .recoveryRefused:
            return .refused(.other, "the mesh could not take the device in")
        }
        audit.add(
            "joined", "\(name) joined, check words: \(checkWords)",
            details: ["device": joiner.description, "words": checkWords])
        let (devices, epoch) = loop.read { ($0.state.devices, $0.state.epoch) }
        return .accepted(
            JoinAccepted(
                mesh: store.mesh.mesh, name: store.mesh.name,
                profile: MeshProfile(rawValue: store.mesh.profile) ?? .lan,
                epoch: epoch, devices: devices, inviter: identity.id, branch: store.mesh.branch))
    }

    /// The wished name, or with the first free number behind it.
    static func freeName(_ wish: String, for device: DeviceID, among devices: [DeviceRecord]) -> String {
        let taken = devices.filter { $0.device != device }.map(\.name)
        guard taken.contains(wish) else { return wish }
        for number in 2...(Limits.devices + 1) where !taken.contains("\(wish)-\(number)") { return "\(wish)-\(number)" }
        return device.short
    }

    private func words(_ refusal: InviteRefusal) -> String {
        if case .used(let user) = refusal { return "the invite was used already, by \(audit.name(of: user))" }
        return refusal.message
    }

    private static func code(_ refusal: InviteRefusal) -> JoinRefusalCode {
        switch refusal {
        case .wrongSecret, .burned: .secret
        case .used: .used
        case .expired: .expired
        case .tooManyOpen: .other
        }
    }
}
