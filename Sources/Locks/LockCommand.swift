import Primitives

/// What the log can ask of the lock table. Who may ask (only the holder transfers or releases, only members acquire)
/// and which requests are retries is decided by the layer that proposes.
package enum LockCommand: Hashable, Sendable {
    case acquire(LockName, device: DeviceID, ttl: Duration, waits: Bool)
    case release(LockName, token: FencingToken)
    /// Grants to `to` in the same entry, under a new token and the same ttl.
    case transfer(LockName, token: FencingToken, to: DeviceID)
    /// Proposed by the quorum leader of `term`; does nothing in an entry of any other term.
    case expire(LockName, token: FencingToken, term: Term)
    /// The device stops waiting.
    case cancel(LockName, device: DeviceID)
    /// The device was removed: its waits go at once, its leases run out. They are not ended at once, because a removed
    /// device that cannot hear us may act until its lease has run out, and a lock never has two acting holders.
    case forget(DeviceID)
}

/// What applying one command came to.
package enum LockOutcome: Hashable, Sendable {
    case granted(Grant)
    /// Waiting; position 1 is next.
    case queued(position: Int)
    case refused(LockRefusal)
    case done
}

package enum LockRefusal: Hashable, Sendable {
    case held(by: Grant)
    case staleToken(current: FencingToken?, given: FencingToken)
    case notHeld
    /// An expiry whose term is not the term of its entry.
    case staleTerm
    case tooMany(LockLimit)
    /// The ttl lies outside of `Limits.lockTTL`.
    case badTTL
}

/// The limit that a command would have passed.
package enum LockLimit: Hashable, Sendable {
    case locks
    case waiters
}

/// What happened to locks, in the order of the log.
package enum LockEvent: Hashable, Sendable {
    /// `from` is the holder whose grant ended in the same entry.
    case granted(LockName, Grant, from: DeviceID?)
    case queued(LockName, DeviceID, position: Int)
    case released(LockName, Grant)
    case expired(LockName, Grant)
    /// Given away by its holder; the new grant is the next event.
    case transferred(LockName, Grant, to: DeviceID)
    case stoppedWaiting(LockName, DeviceID)
    /// The holder was removed from the mesh: nobody renews this lease, and it runs out.
    case orphaned(LockName, Grant)
}
