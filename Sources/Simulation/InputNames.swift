import Consensus
import DeviceCore
import Primitives
import SyncRounds

// Inputs by number, for the trace, and in words, for the table.

extension DeviceInput {
    /// A small number for each kind of input.
    var ordinal: Int {
        switch self {
        case .tick: 1
        case .received(let message, _, _): 16 + message.ordinal
        case .linkUp: 2
        case .linkDown: 3
        case .request: 4
        case .cancelled: 5
        case .workspaceChanged: 6
        case .writersChanged: 7
        case .gateClosed: 8
        case .gateOpenedEarly: 9
        case .captured: 10
        case .fetched: 11
        case .merged: 12
        case .staged: 13
        case .filesInPlace: 0
        case .applied: 14
        case .stop: 15
        case .hub: 48
        case .grounded: 49
        }
    }

    var summary: String {
        switch self {
        case .tick: "tick"
        case .received(let message, let peer, _): "from \(peer.number): \(message.summary)"
        case .linkUp(let peer): "link up: \(peer.number)"
        case .linkDown(let peer): "link down: \(peer.number)"
        case .request(let tag, .stop(let order, let everywhere)):
            "client \(tag): \(order.kind.rawValue)\(everywhere ? " of all" : "")"
        case .request(let tag, let request): "client \(tag): \(request)"
        case .cancelled(let tag): "client \(tag) is gone"
        case .workspaceChanged(let files): "\(files) files differ"
        case .writersChanged(let active, let paused): "\(active) writers, \(paused) paused"
        case .gateClosed(let round, _): "gate closed for \(round)"
        case .gateOpenedEarly(let round): "gate opened early in \(round)"
        case .captured(let round, let result): "captured in \(round): \(result.text { $0.words })"
        case .fetched(let round, let revision, let result):
            "fetched \(revision.tail) in \(round): \(result.text { "\($0)" })"
        case .merged(let round, let result): "merged in \(round): \(result.text { $0.revision.tail })"
        case .staged(let round, let revision, let result):
            "staged \(revision.tail) in \(round): \(result.text { "\($0)" })"
        case .filesInPlace(let round): "files in place for \(round)"
        case .applied(let round, let result): "applied in \(round): \(result.text { $0.base?.tail ?? "nothing" })"
        case .stop: "stop"
        case .hub(let answer): "hub: \(answer)"
        case .grounded(_, let result): "rests on \(result.text { $0?.tail ?? "nothing" })"
        }
    }
}

extension DeviceInput {
    /// Signs of life, which say nothing new.
    var isQuiet: Bool {
        switch self {
        case .tick, .received(.raft(.appendReply), _, _), .received(.renew, _, _), .received(.renewed, _, _): true
        case .received(.raft(.append(let request)), _, _): request.entries.isEmpty
        case .received, .linkUp, .linkDown, .request, .cancelled, .workspaceChanged, .writersChanged, .gateClosed,
            .gateOpenedEarly, .captured, .fetched, .merged, .staged, .filesInPlace, .applied, .stop, .hub, .grounded:
            false
        }
    }
}

extension Completion {
    fileprivate func text(_ words: (Value) -> String) -> String {
        switch self {
        case .done(let value): words(value)
        case .failed(let why): "failed, \(why)"
        }
    }
}

extension CaptureReport {
    fileprivate var words: String { "\(revision?.tail ?? "clean") over \(base?.tail ?? "nothing")" }
}

extension Revision {
    /// The last digits: numbers of the simulation are small.
    var tail: String { "r" + hex.suffix(5) }
}

extension DeviceID {
    /// The number of a device of the simulation.
    var number: UInt64 { digest.words.0 >> 32 }

    /// Its place in the world, which another may have taken since.
    var place: Int { Int((number &- 1) % Node.generationStep) }
}

extension PeerMessage {
    var ordinal: Int {
        switch self {
        case .raft: 1
        case .propose: 2
        case .notLeader: 3
        case .renew: 4
        case .renewed: 5
        case .round(let message): 16 + message.ordinal
        case .facts: 6
        case .syncRequest: 7
        case .syncAnswer: 8
        case .handoffRequest: 9
        case .handoffAnswer: 10
        case .leaving: 11
        case .stop: 12
        }
    }
}

extension RoundMessage {
    var ordinal: Int {
        switch self {
        case .prepare: 1
        case .captured: 2
        case .declined: 3
        case .stage: 4
        case .staged: 5
        case .working: 6
        case .finish: 7
        case .abort: 8
        case .applied: 9
        }
    }
}
