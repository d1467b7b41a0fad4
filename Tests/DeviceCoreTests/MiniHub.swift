import Primitives
import SyncRounds

@testable import DeviceCore

/// A hub that is two refs and a fence of one generation: enough to see who pushes what when.
struct MiniHub {
    var head: Revision?
    var fence: HubFence?
    var isAway = false
    /// Of revisions: what each was made from.
    var parents: [Revision: [Revision]] = [:]
    var pushes: [HubPush] = []
    var looks = 0

    func reaches(_ old: Revision, from new: Revision?) -> Bool {
        guard let new else { return false }
        return old == new || (parents[new] ?? []).contains { reaches(old, from: $0) }
    }

    mutating func report(_ look: HubLook) -> HubReport {
        looks += 1
        var report = HubReport(head: head, fence: fence.map { .found($0) } ?? .absent, published: look.published)
        report.holdsMirrored = fence?.mirrored.map { reaches($0, from: head) } ?? true
        report.isPublished = head.map { reaches($0, from: look.published) } ?? false
        report.holdsPublished = look.published.map { reaches($0, from: head) } ?? true
        report.bringsChanges = head != nil && !report.isPublished
        report.base = fence?.mirrored
        return report
    }

    mutating func take(_ push: HubPush) -> HubPushOutcome {
        guard push.oldHead == head, push.oldFence == fence?.revision else { return .moved }
        pushes.append(push)
        let number = UInt64(pushes.count) << 40
        let fence = HubFence(
            revision: Revision(number: number), token: push.token, sequence: push.sequence, device: push.device,
            mirrored: push.mirrored)
        self.fence = fence
        head = push.branch ?? head
        return .landed(head: head, fence)
    }
}

extension MiniMesh {
    mutating func answer(_ order: HubOrder, _ place: Int) {
        let answer: HubAnswer
        switch order {
        case .look(let number, let look):
            answer = .looked(number, hub.isAway ? .failed("no route") : .done(hub.report(look)))
        case .push(let number, let push):
            answer = .pushed(number, hub.isAway ? .failed("no route") : .done(hub.take(push)))
        }
        schedule(.input(.hub(answer), place), after: .milliseconds(4))
    }
}
