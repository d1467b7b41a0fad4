import Consensus
import DeviceCore
import Foundation
import Locks
import Primitives
import SyncRounds
import Testing

@testable import WireProtocol

/// One value out of bounds at a time: each must be refused, whatever stands around it.
@Suite struct BoundsTests {
    private func refused(_ payload: WireFrame.OneOf_Payload?) -> WireError? {
        error { () throws(WireError) in _ = try PeerMessage(payload) }
    }

    @Test func numbersThatCouldOverflowLaterAreRefused() {
        #expect(refused(.syncRequest((1 << 62) - 1)) == nil)
        for number in [UInt64(1) << 62, .max] {
            #expect(refused(.syncRequest(number)) != nil)
            var undo = WireUndoRequest()
            undo.target = UndoTarget(number: number, revision: Revision(number: 1)).wire
            #expect(refused(.undoRequest(undo)) != nil)
            undo = WireUndoRequest()
            undo.number = number
            undo.target = UndoTarget(number: 1, revision: Revision(number: 1)).wire
            #expect(refused(.undoRequest(undo)) != nil)
            undo.number = 1
            #expect(refused(.undoRequest(undo)) == nil)
            undo.target.revision.removeLast()
            #expect(refused(.undoRequest(undo)) != nil)
            #expect(refused(.undoRequest(WireUndoRequest())) != nil)
            var round = WireRoundMessage()
            round.round = RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: number).wire
            round.working = WireNothing()
            #expect(refused(.round(round)) != nil)
            round.round = RoundID(token: FencingToken(epoch: number, counter: 1), sequence: 1).wire
            #expect(refused(.round(round)) != nil)
            round.round = RoundID(token: FencingToken(epoch: 1, counter: number), sequence: 1).wire
            #expect(refused(.round(round)) != nil)
        }
        var facts = WireFacts()
        facts.pendingFiles = 1 << 28
        #expect(refused(.facts(facts)) == .invalid(field: "facts.pending_files", "is too large (268435456)"))
        facts.pendingFiles = 0
        facts.firstChangeAge = 86_400_000_000_001
        #expect(refused(.facts(facts)) == .invalid(field: "facts.first_change_age", "is longer than a day"))
    }

    @Test func idsAndRevisionsMustHaveTheirLength() {
        var message = WireRoundMessage()
        message.round = RoundID(token: .none, sequence: 1).wire
        for length in [0, 19, 21, 31, 33, 64] {
            message.stage = Data(repeating: 7, count: length)
            #expect(refused(.round(message)) != nil, "a revision of \(length) bytes")
        }
        for length in [20, 32] {
            message.stage = Data(repeating: 7, count: length)
            #expect(refused(.round(message)) == nil)
        }
        for length in [0, 1, 31, 33] {
            var request = WireHandoffRequest()
            request.target = Data(repeating: 7, count: length)
            #expect(refused(.handoffRequest(request)) != nil, "a device of \(length) bytes")
        }
    }

    @Test func textsOfPeersCannotSteerATerminal() {
        for text in ["a\u{1B}[2Jb", "a\nb", "\u{7F}", "\u{9B}31m", "\u{202E}txt.exe", "\0"] {
            var answer = WireSyncAnswer()
            answer.refused = text
            #expect(refused(.syncAnswer(answer)) == .invalid(field: "refusal", "has control characters"))
        }
        var answer = WireSyncAnswer()
        answer.refused = String(repeating: "x", count: Limits.messageTextBytes + 1)
        #expect(refused(.syncAnswer(answer)) != nil)
    }

    @Test func whatPeopleReadIsCutAndCleanedBeforeItIsSent() throws {
        let long = String(repeating: "ä\u{1B}\n", count: 5000)
        let writers = WriterReport(paused: Array(repeating: long, count: 500), unanswered: [])
        let round = RoundID(token: .none, sequence: 1)
        let messages: [PeerMessage] = [
            .round(.declined(round, .failed(long))),
            .round(.captured(round, CaptureReport(base: nil, revision: nil, changedFiles: .max, writers: writers))),
            .facts(DeviceFacts(firstChangeAge: .seconds(900_000), lastChangeAge: .seconds(-1), version: long)),
            .syncAnswer(number: 1, .refused(long)),
        ]
        for message in messages {
            let bytes = try FrameCodec.encode(message, header: header)
            let frame = try FrameCodec.decode(bytes, expecting: expectation)
            if case .facts(let facts) = frame.message {
                #expect(facts.firstChangeAge == .seconds(86_400) && facts.lastChangeAge == .zero)
            }
        }
    }

    @Test func listsAreLimited() {
        var renew = WireRenew()
        renew.renewals = Array(
            repeating: LeaseRenewal(name: .sync, token: .none).wire, count: Limits.locks + 1)
        #expect(refused(.renew(renew)) == .invalid(field: "renewals", "has 257 elements; 256 are allowed"))
        var writers = WireWriters()
        writers.paused = Array(repeating: "w", count: Limits.writerNamesInMessage + 1)
        #expect(error { () throws(WireError) in _ = try WriterReport(writers) } != nil)
        var device = DeviceRecord(device: header.from, name: "a", addresses: []).wire
        device.addresses = Array(repeating: "h:1", count: Limits.deviceAddresses + 1)
        #expect(error { () throws(WireError) in _ = try DeviceRecord(device) } != nil)
    }

    @Test func membershipMustBeSortedAndDisjoint() {
        let one = Write.device(DeviceID(number: 1))
        let two = Write.device(DeviceID(number: 2))
        let wrong: [([Data], [Data])] = [([two, one], []), ([one, one], []), ([one], [one]), ([], [two, one])]
        for (voters, learners) in wrong {
            let wire = WireMembership.with {
                $0.voters = voters
                $0.learners = learners
            }
            #expect(error { () throws(WireError) in _ = try Consensus.Membership(wire) } != nil)
        }
        let six = (1...6).map { Write.device(DeviceID(number: $0)) }
        let crowd = WireMembership.with { $0.voters = six }
        #expect(error { () throws(WireError) in _ = try Consensus.Membership(crowd) } != nil)
    }

    @Test func commandsThatNoPeerWouldTakeAreFoundBeforeTheyAreProposed() {
        func check(_ operation: MeshOperation) -> WireError? {
            let request = RequestID(device: header.from, incarnation: 1, number: 1)
            return error { () throws(WireError) in
                try MeshCommandCodec.check(MeshCommand(request: request, operation: operation))
            }
        }
        #expect(check(.set(Setting(key: "sync.settle", value: "2s"))) == nil)
        #expect(check(.set(Setting(key: "", value: "2s"))) != nil)
        #expect(check(.unset(key: "sync.settle")) == nil)
        #expect(check(.unset(key: "")) != nil)
        #expect(check(.set(Setting(key: "k", value: String(repeating: "v", count: 5000)))) != nil)
        #expect(check(.putDevice(DeviceRecord(device: header.from, name: "a\u{1B}", addresses: []))) != nil)
        #expect(check(.lock(.acquire(.sync, device: header.from, ttl: .seconds(100_000), waits: true))) != nil)
        #expect(check(.lock(.acquire(.sync, device: header.from, ttl: .nanoseconds(1) / 2, waits: true))) != nil)
    }

    @Test func theLargestSettingsFitIntoFramesAndSnapshots() throws {
        let value = String(repeating: "v", count: Limits.settingValueBytes)
        let key = String(repeating: "k", count: Limits.settingKeyBytes)
        let request = RequestID(device: header.from, incarnation: Limits.largestNumber - 1, number: 1)
        let entries = (1...UInt64(Limits.appendEntries)).map { number in
            let command = MeshCommand(request: request, operation: .set(Setting(key: key, value: value)))
            return MeshEntry(term: Term(1), index: LogIndex(number), payload: .command(command))
        }
        let append = AppendRequest<MeshCommand>(
            term: Term(1), previousIndex: .zero, previousTerm: .zero, entries: entries, commitIndex: .zero,
            confirmation: 0)
        let bytes = try FrameCodec.encode(.raft(.append(append)), header: header)
        #expect(bytes.count <= Limits.frameBytes)

        var state = MeshState()
        for number in 1...Limits.settings {
            let setting = Setting(key: "key-\(number)", value: value)
            let request = RequestID(device: header.from, incarnation: 1, number: UInt64(number))
            let change = state.apply(
                MeshCommand(request: request, operation: .set(setting)), term: Term(1), voters: [header.from])
            #expect((change.outcome == .done) == (state.settings.value(of: setting.key) != nil))
        }
        #expect(state.settings.bytes <= Limits.settingsBytes && state.settings.count < 10)
        #expect(try MeshState(state.wire) == state)
        let crowd = state.wire.settings + [Setting(key: "z", value: value).wire, Setting(key: "z2", value: value).wire]
        var wire = state.wire
        wire.settings = crowd
        #expect(error { () throws(WireError) in _ = try MeshState(wire) } != nil)
    }

    @Test func anUnsetSettingIsGone() {
        var state = MeshState()
        for (number, operation) in [
            MeshOperation.set(Setting(key: "a", value: "1")), .unset(key: "a"), .unset(key: "b"),
        ]
        .enumerated() {
            let request = RequestID(device: header.from, incarnation: 1, number: UInt64(number + 1))
            let change = state.apply(
                MeshCommand(request: request, operation: operation), term: Term(1), voters: [header.from])
            #expect(change.settingsChanged == (number < 2))
        }
        #expect(state.settings.isEmpty)
    }
}
