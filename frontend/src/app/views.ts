/** The views of the page, in their four groups. */

import type { FunctionComponent } from "preact";

import type { View } from "../state/params";
import { Blackboard } from "../views/blackboard/Blackboard";
import { ContextView } from "../views/context/ContextView";
import { Deduce } from "../views/deduce/Deduce";
import { LayoutView } from "../views/layout/LayoutView";
import { Learn } from "../views/learn/Learn";
import { Machines } from "../views/machines/Machines";
import { Measure } from "../views/measure/Measure";
import { Money } from "../views/money/Money";
import { Operators } from "../views/operators/Operators";
import { Plan } from "../views/plan/Plan";
import { Simulate } from "../views/simulate/Simulate";
import { Speculation } from "../views/speculation/Speculation";
import { Training } from "../views/training/Training";

export interface Entry {
  view: View;
  name: string;
  component: FunctionComponent;
}

export interface Group {
  name: string;
  views: readonly Entry[];
}

export const GROUPS: readonly Group[] = [
  {
    name: "Understand",
    views: [
      { view: "blackboard", name: "Blackboard", component: Blackboard },
      { view: "context", name: "Context and KV", component: ContextView },
      { view: "operators", name: "Operators", component: Operators },
      { view: "layout", name: "Layout", component: LayoutView },
      { view: "training", name: "Training", component: Training },
    ],
  },
  {
    name: "Decide",
    views: [
      { view: "plan", name: "Plan", component: Plan },
      { view: "machines", name: "Machines", component: Machines },
      { view: "money", name: "Money", component: Money },
      { view: "speculation", name: "Speculation", component: Speculation },
      { view: "simulate", name: "Simulate", component: Simulate },
    ],
  },
  {
    name: "Evidence",
    views: [
      { view: "deduce", name: "Deduce", component: Deduce },
      { view: "measure", name: "Measure", component: Measure },
    ],
  },
  { name: "Learn", views: [{ view: "learn", name: "Learn", component: Learn }] },
];

export const groupOf = (view: View): Group => GROUPS.find((group) => group.views.some((one) => one.view === view)) ?? (GROUPS[0] as Group);
export const entryOf = (view: View): Entry =>
  GROUPS.flatMap((group) => group.views).find((one) => one.view === view) ?? ((GROUPS[0] as Group).views[0] as Entry);
