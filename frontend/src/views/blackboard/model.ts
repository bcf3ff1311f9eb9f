/** Everything that the blackboard shows of one scenario at one operating point. */

import { clamp } from "../../charts/scales";
import { batchWithin, pointAt, rentOf, usersOf, wall, type Point } from "../../evaluator/operating";
import type { Curves, MeasuredRun } from "../../evaluator/types";
import { INITIAL, type State } from "../../state/params";

export interface Board {
  curves: Curves;
  context: number;
  rent: number | null;
  /** Batches that memory holds; 0 where not even one. */
  room: number;
  /** End of the axis. */
  end: number;
  asked: number;
  point: Point | null;
  limit_s: number;
  within: number | null;
  atLimit: Point | null;
  fast: Point | null;
  slow: Point | null;
  measured: readonly MeasuredRun[];
  ownContext: boolean;
}

export const FASTER = 2.5;

/** Runs of this very scenario, else those that differ least and all in the same: the server puts them first. */
function nearest(curves: Curves): readonly MeasuredRun[] {
  const known = curves.measured.filter((one) => one.tpot_s !== null);
  const differs = known[0]?.differs.join();
  return known.filter((one) => one.differs.join() === differs);
}

export function boardOf(curves: Curves, state: State): Board {
  const context = state.c > 0 ? clamp(state.c, curves.axes.context_low, curves.axes.context_high) : curves.at.context;
  const rent = rentOf(curves, state.p);
  const room = wall(curves, context);
  const end = 2 ** Math.ceil(Math.log2(clamp(wall(curves, curves.at.context) * 1.25, 8, 65536)));
  const limit_s = state.tpot / 1000;
  const most = Math.min(room, end);
  const point = room < 1 ? null : pointAt(curves, clamp(state.b, 1, most), context, rent);
  const within = room < 1 ? null : batchWithin(curves, context, limit_s, most);
  const faster = point === null ? null : batchWithin(curves, context, point.tpot_s / FASTER, most);
  const ownContext = Math.abs(Math.log2(context / curves.at.context)) < 0.05;
  return {
    curves, context, rent, room, end, limit_s, within, ownContext,
    asked: state.b || INITIAL.b,
    point,
    atLimit: within === null ? null : pointAt(curves, within, context, rent),
    fast: faster === null ? null : pointAt(curves, faster, context, rent),
    slow: room < 1 ? null : pointAt(curves, most, context, rent),
    measured: ownContext ? nearest(curves) : [],
  };
}

export const users = (board: Board, batch: number): number => usersOf(board.curves, batch);
