import NIOCore
import Primitives
import Synchronization

/// The links that are up, for any thread: where `send` puts its frames.
final class LinkDirectory: Sendable {
    private let entries = Mutex<[DeviceID: (outbox: Outbox, summary: LinkSummary)]>([:])

    func outbox(of device: DeviceID) -> Outbox? { entries.withLock { $0[device]?.outbox } }
    var summaries: [LinkSummary] {
        entries.withLock { $0.values.map(\.summary) }.sorted { $0.device < $1.device }
    }

    /// Notes the link; an outbox that is there already stays.
    func enter(_ summary: LinkSummary) -> Outbox {
        entries.withLock { entries in
            let outbox = entries[summary.device]?.outbox ?? Outbox()
            entries[summary.device] = (outbox, summary)
            return outbox
        }
    }

    func measured(_ device: DeviceID, roundTrip: Duration, clockOffset: Duration?) {
        entries.withLock { entries in
            entries[device]?.summary.roundTrip = roundTrip
            entries[device]?.summary.clockOffset = clockOffset
        }
    }

    func leave(_ device: DeviceID) { entries.withLock { $0[device] = nil } }
}

extension Switchboard {
    /// The peer's hello came: the link counts from now on, unless another one with that device is the better one.
    func linkReady(_ link: LinkHandler) {
        clearDeadline(link.connection)
        let device = link.device
        guard roster.isMember(device), !cut.contains(device), !isStopped else {
            return close(link.connection, because: .removed)
        }
        let old = links[device]
        if let old {
            counters.add { $0.duplicateLinks += 1 }
            guard replaces(link, old) else {
                link.end()
                if case .outbound(let attempt) = link.connection.side { attempt.finish(.done) }
                return close(link.connection, because: .closedByPeer)
            }
            old.end()
            old.connection.channel.close(promise: nil)
        }
        links[device] = link
        let summary = LinkSummary(device: device, remote: link.connection.remote, dialedHere: link.dialedHere)
        link.start(directory.enter(summary))
        if case .outbound(let attempt) = link.connection.side { attempt.finish(.done) }
        linkIsUp(device)
        if old != nil {
            counters.add { $0.linksDown += 1 }
            events(.linkDown(device, .replaced))
        }
        counters.add { $0.linksUp += 1 }
        logger.debug("link up", metadata: ["device": "\(device.short)", "remote": "\(link.connection.remote)"])
        events(.linkUp(device))
    }

    /// Both ends decide alike: of two links the one dialled by the smaller id stays; of two dialled by the same end
    /// the newer (its dialler has given up the older one).
    private func replaces(_ new: LinkHandler, _ old: LinkHandler) -> Bool {
        guard new.dialedHere != old.dialedHere else { return true }
        return new.dialedHere == (identity.id < new.device)
    }

    /// The link is no more. Heard once; a link that was only a duplicate changes nothing.
    func linkEnded(_ link: LinkHandler, _ loss: LinkLoss) {
        link.end()
        guard links[link.device] === link else { return }
        links[link.device] = nil
        directory.leave(link.device)
        counters.add { $0.linksDown += 1 }
        logger.debug("link down", metadata: ["device": "\(link.device.short)", "why": "\(loss)"])
        events(.linkDown(link.device, loss))
        redial(link.device, at: .floor)
    }
}
