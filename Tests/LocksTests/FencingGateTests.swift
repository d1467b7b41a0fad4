import Locks
import Primitives
import Testing

/// Protocol.md, section 6: the memory of a resource.
@Suite struct FencingGateTests {
    @Test func aHigherTokenIsAcceptedAndRemembered() {
        var gate = FencingGate()
        #expect(gate.accept(token(4), from: a) == .accepted(changed: true))
        #expect(gate.accept(token(4), from: a) == .accepted(changed: false))
        #expect(gate.accept(token(1, epoch: 2), from: b) == .accepted(changed: true))
        #expect(gate.highest == token(1, epoch: 2))
        #expect(gate.holder == b)
    }

    @Test func aLowerTokenIsRefusedNamingBoth() {
        var gate = FencingGate(highest: token(8), holder: b)
        #expect(gate.accept(token(7), from: a) == .refused(presented: token(7), highest: token(8), holder: b))
        // Also from the holder of the highest: the message is an old one.
        #expect(gate.accept(token(7), from: b) == .refused(presented: token(7), highest: token(8), holder: b))
        #expect(gate == FencingGate(highest: token(8), holder: b))
    }

    @Test func anEqualTokenFromAnotherIsRefused() {
        var gate = FencingGate(highest: token(8), holder: b)
        #expect(gate.accept(token(8), from: a) == .refused(presented: token(8), highest: token(8), holder: b))
        #expect(gate.holder == b)
    }

    @Test func theTokenThatIsNeverGrantedOpensNothing() {
        var gate = FencingGate()
        #expect(gate.accept(.none, from: a) == .refused(presented: .none, highest: .none, holder: nil))
        #expect(gate.holder == nil)
    }

    @Test func theOldEpochIsOverWhateverItsCounter() {
        var gate = FencingGate(highest: token(1, epoch: 2), holder: a)
        #expect(
            gate.accept(token(.max), from: b)
                == .refused(presented: token(.max), highest: token(1, epoch: 2), holder: a))
    }
}
