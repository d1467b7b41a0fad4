import Primitives

/// The inviter's side: which invites are open, and what became of the others.
///
/// Pure: moments come in as `now`. Secrets are kept as hashes only. Not persisted: a restart of the agent closes every
/// invite. A wrong secret counts against every open invite, since nobody can say which one was meant.
package struct InviteBook: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        case open(attemptsLeft: Int)
        case used(by: DeviceID)
        case burned
        case expired
    }

    package struct Entry: Hashable, Sendable {
        package let secretHash: Primitives.Digest
        package let deadline: Instant
        package var state: State
    }

    /// In the order of their making; the closed ones are at most `Limits.closedInvites`.
    package private(set) var entries: [Entry] = []

    package init() {}

    /// Opens an invite for at most `Limits.inviteLifetime`; refuses beyond `Limits.openInvites`.
    package mutating func open(
        _ secret: InviteSecret, for lifetime: Duration = Limits.inviteLifetime, at now: Instant
    ) throws(InviteRefusal) {
        expire(at: now)
        guard openCount < Limits.openInvites else { throw .tooManyOpen }
        entries.append(
            Entry(
                secretHash: secret.hash, deadline: now + min(lifetime, Limits.inviteLifetime),
                state: .open(attemptsLeft: Limits.inviteAttempts)))
        forgetOldest()
    }

    /// A device presents a secret. On success the invite is used; the same device may present it again (its answer
    /// may have been lost), nobody else.
    package mutating func redeem(_ secret: InviteSecret, by device: DeviceID, at now: Instant)
        throws(InviteRefusal)
    {
        expire(at: now)
        guard let position = position(of: secret.hash) else {
            countWrongAttempt()
            throw .wrongSecret
        }
        switch entries[position].state {
        case .open: entries[position].state = .used(by: device)
        case .used(by: let user) where user == device: return
        case .used(by: let user): throw .used(by: user)
        case .burned: throw .burned
        case .expired: throw .expired
        }
    }

    /// The join that used the invite could not be completed (no quorum, mesh full): it is open again, if time is left.
    package mutating func giveBack(_ secret: InviteSecret, by device: DeviceID, at now: Instant) {
        guard let position = position(of: secret.hash), entries[position].state == .used(by: device) else { return }
        entries[position].state = .open(attemptsLeft: Limits.inviteAttempts)
        expire(at: now)
    }

    /// Whether anyone may join at all.
    package func hasOpen(at now: Instant) -> Bool {
        entries.contains { entry in
            if case .open = entry.state { now < entry.deadline } else { false }
        }
    }

    private var openCount: Int {
        entries.count { if case .open = $0.state { true } else { false } }
    }

    /// Looks at every entry and every byte, so that the time taken tells nothing.
    private func position(of hash: Primitives.Digest) -> Int? {
        var found: Int?
        for (offset, entry) in entries.enumerated() where entry.secretHash.equalsInConstantTime(hash) {
            found = offset
        }
        return found
    }

    private mutating func expire(at now: Instant) {
        for offset in entries.indices {
            if case .open = entries[offset].state, now >= entries[offset].deadline { entries[offset].state = .expired }
        }
    }

    private mutating func countWrongAttempt() {
        for offset in entries.indices {
            if case .open(let left) = entries[offset].state {
                entries[offset].state = left > 1 ? .open(attemptsLeft: left - 1) : .burned
            }
        }
    }

    private mutating func forgetOldest() {
        while entries.count - openCount > Limits.closedInvites {
            guard let oldest = entries.firstIndex(where: { if case .open = $0.state { false } else { true } }) else {
                return
            }
            entries.remove(at: oldest)
        }
    }
}

/// Why an invite was not opened or not honoured.
package enum InviteRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case tooManyOpen
    case wrongSecret
    case used(by: DeviceID)
    case burned
    case expired

    package var message: String {
        switch self {
        case .tooManyOpen: "there are already \(Limits.openInvites) open invites"
        case .wrongSecret: "the inviter does not know this invite (it may have been restarted since)"
        case .used(by: let device): "the invite was used by device \(device.short)"
        case .burned: "the invite was closed after \(Limits.inviteAttempts) wrong attempts"
        case .expired: "the invite has expired"
        }
    }

    package var hint: String {
        switch self {
        case .tooManyOpen: "use one of them, or wait until one expires"
        case .wrongSecret, .used, .burned, .expired: "make a new one with: baton invite"
        }
    }

    package var description: String { "\(message); \(hint)" }
}

extension Primitives.Digest {
    func equalsInConstantTime(_ other: Primitives.Digest) -> Bool {
        let difference =
            (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2)
            | (words.3 ^ other.words.3)
        return difference == 0
    }
}
