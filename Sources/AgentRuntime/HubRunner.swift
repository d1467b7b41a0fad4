import DeviceCore
import SyncRounds

/// Carries out what the device asks about the hub, one thing at a time, and posts what came of it.
final class HubRunner: Sendable {
    private let loop: DeviceLoop

    init(loop: DeviceLoop) { self.loop = loop }

    func carryOut(_ order: HubOrder) {
        switch order {
        case .look(let number, _): loop.post(.hub(.looked(number, .failed("this agent cannot reach hubs yet"))))
        case .push(let number, _): loop.post(.hub(.pushed(number, .failed("this agent cannot reach hubs yet"))))
        }
    }
}
