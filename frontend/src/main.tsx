import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/charts.css";
import "./style/parts.css";

import { render } from "preact";

import { App } from "./app/App";

const root = document.getElementById("app");
if (root) render(<App />, root);
